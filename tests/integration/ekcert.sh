#!/bin/bash
# An EK certificate as swtpm_setup makes it chains to its local maker CA, and each way it can be wrong has its own answer.
# usage: ekcert.sh DRIVER
set -eu
driver=$(realpath "$1")
for tool in swtpm swtpm_setup tpm2_createek openssl; do
	command -v $tool >/dev/null || { echo "$tool is missing: skipped"; exit 77; }
done
dir=$(mktemp -d)
swtpm_pid=
cleanup() {
	[ -z "$swtpm_pid" ] || kill "$swtpm_pid" 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT
cd "$dir"
mkdir ca state roots none
cat >localca.conf <<EOF
statedir = $dir/ca
signingkey = $dir/ca/signkey.pem
issuercert = $dir/ca/issuercert.pem
certserial = $dir/ca/certserial
EOF
printf -- '--platform-manufacturer Muster\n--platform-version 1\n--platform-model Test\n' >localca.options
cat >setup.conf <<EOF
create_certs_tool = $(command -v swtpm_localca)
create_certs_tool_config = $dir/localca.conf
create_certs_tool_options = $dir/localca.options
active_pcr_banks = sha256
EOF
swtpm_setup --runas "$(id -un)" --tpm2 --tpmstate "$dir/state" --config setup.conf --create-ek-cert --pcr-banks sha256 \
	--lock-nvram --overwrite >setup.log 2>&1 || { cat setup.log; exit 1; }
cp ca/issuercert.pem roots/
cp ca/swtpm-localca-rootca-cert.pem roots/

start_tpm() {
	for _ in 1 2 3 4 5; do
		port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
		swtpm socket --tpm2 --tpmstate dir="$dir/state" --server type=tcp,port="$port",bindaddr=127.0.0.1 \
			--ctrl type=tcp,port=$((port + 1)),bindaddr=127.0.0.1 --flags not-need-init,startup-clear >swtpm.log 2>&1 &
		swtpm_pid=$!
		export TPM2TOOLS_TCTI=swtpm:host=127.0.0.1,port=$port
		for _ in $(seq 50); do
			kill -0 "$swtpm_pid" 2>/dev/null || break
			tpm2_getcap properties-fixed >/dev/null 2>&1 && return 0
			sleep 0.1
		done
		kill "$swtpm_pid" 2>/dev/null || true
	done
	echo "swtpm does not start"
	cat swtpm.log
	exit 1
}
expect() { # exit code, text, driver arguments
	local want=$1 text=$2 rc=0
	shift 2
	"$driver" "$@" >out 2>&1 || rc=$?
	[ $rc = "$want" ] && grep -q "$text" out || { cat out; echo "FAIL: exit $rc, wanted $want and \"$text\": $*"; exit 1; }
}

start_tpm
tpm2_nvread 0x1c00002 -o rsa.der 2>/dev/null
tpm2_readpublic -c 0x81010001 -f tpmt -o rsa.tpmt >/dev/null
tpm2_createek -c ecc.ctx -G ecc
tpm2_readpublic -c ecc.ctx -f tpmt -o ecc.tpmt >/dev/null
tpm2_nvread 0x1c00016 -o p384.der 2>/dev/null

expect 0 'maker: CN=swtpm-localca-rootca' roots rsa.der rsa.tpmt
{ cat rsa.der; head -c 300 /dev/zero | tr '\0' '\377'; } >padded.der
expect 0 'maker: CN=swtpm-localca-rootca' roots padded.der rsa.tpmt
expect 1 'no maker root for issuer CN=swtpm-localca' none rsa.der rsa.tpmt
expect 1 'another key' roots rsa.der ecc.tpmt
expect 1 'another key' roots p384.der ecc.tpmt
expect 1 "it is a CA's" roots <(openssl x509 -in ca/issuercert.pem -outform DER) rsa.tpmt
rm roots/swtpm-localca-rootca-cert.pem
expect 1 'no maker root for issuer CN=swtpm-localca-rootca' roots rsa.der rsa.tpmt
# a CA of the same name, another key
openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -out roots/forged.pem -days 2 -subj /CN=swtpm-localca-rootca 2>/dev/null
expect 1 'auth: \|no maker root' roots rsa.der rsa.tpmt
echo "ekcert: all passed"
