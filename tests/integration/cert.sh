#!/bin/bash
# Our certificates and CRL, judged by openssl: strict chain, purposes, names, revocation. usage: cert.sh DRIVER
set -eu
driver=$(realpath "$1")
command -v openssl >/dev/null || { echo "openssl is missing: skipped"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
"$driver" .
for name in root issuing device server; do
	openssl x509 -inform DER -in $name.der -out $name.pem
	openssl x509 -in $name.pem -noout -text -nameopt RFC2253 >$name.txt
done
openssl crl -inform DER -in crl.der -out crl.pem
openssl crl -in crl.pem -noout -text >crl.txt

fail() {
	echo "FAIL: $*"
	exit 1
}
# exit codes of openssl are not leant on alone: the output must say so too
accepts() {
	openssl verify -x509_strict -CAfile root.pem -untrusted issuing.pem "$@" >out 2>&1 || { cat out; fail "verify $*"; }
	grep -q ': OK$' out || fail "verify $*: no OK"
}
refuses() { # text, arguments
	local text=$1
	shift
	! openssl verify -x509_strict -CAfile root.pem -untrusted issuing.pem "$@" >out 2>&1 || fail "verify $* accepted"
	grep -q "$text" out || { cat out; fail "verify $*: not for $text"; }
}
has() { grep -q -- "$2" "$1.txt" || { cat "$1.txt"; fail "$1 lacks $2"; }; }

accepts issuing.pem
accepts -purpose sslclient device.pem
accepts -purpose sslserver device.pem
accepts -purpose sslserver -verify_hostname muster.example server.pem
accepts -purpose sslserver -verify_ip 127.0.0.1 server.pem
accepts -purpose sslserver -verify_ip ::1 server.pem
refuses 'purpose' -purpose sslclient server.pem
refuses 'ostname mismatch' -verify_hostname other.example server.pem
refuses 'revoked' -CRLfile crl.pem -crl_check device.pem
accepts -CRLfile crl.pem -crl_check server.pem
refuses 'expired' -attime $(($(date +%s) + 2 * 86400)) device.pem
# a device certificate is no CA
! openssl verify -x509_strict -partial_chain -trusted device.pem server.pem >out 2>&1 || fail "a device issued"

has root 'pathlen:1'
has issuing 'CA:TRUE, pathlen:0'
has issuing 'Certificate Sign, CRL Sign'
has device 'URI:spiffe://example.org/device/00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff-1'
has device 'CA:FALSE'
has device 'TLS Web Client Authentication, TLS Web Server Authentication'
has device 'URI:http://ca.example/v1/crl'
has server 'DNS:muster.example, IP Address:127.0.0.1'
has crl 'Certificate Hold'
has crl 'Cessation Of Operation'
has crl '4660'
openssl asn1parse -in device.pem -strparse "$(openssl asn1parse -in device.pem | awk -F: '/X509v3 Subject Alternative Name/ {f=1; next} f {print $1+0; exit}')" >san.txt
grep -q 1.3.6.1.5.5.7.8.4 san.txt || { cat san.txt; fail "no hardware module name"; }
openssl crl -in crl.pem -noout -CAfile issuing.pem >out 2>&1 || true
grep -q 'verify OK' out || { cat out; fail "CRL signature"; }
echo "cert: all passed"
