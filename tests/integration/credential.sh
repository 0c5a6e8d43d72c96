#!/bin/bash
# A credential made in software is recovered by a real TPM (swtpm), for RSA-2048 and P-256 endorsement keys, and only for
# the object that it names. usage: credential.sh DRIVER
set -eu
driver=$(realpath "$1")
for tool in swtpm tpm2_createek openssl xxd; do
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

start_tpm() { # on two free neighbouring ports
	for _ in 1 2 3 4 5; do
		port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
		swtpm socket --tpm2 --tpmstate dir="$dir" --server type=tcp,port="$port",bindaddr=127.0.0.1 \
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

activate() { # credential file -> recovered
	rm -f recovered
	tpm2_flushcontext -t 2>/dev/null || true
	tpm2_startauthsession --policy-session -S session >/dev/null
	tpm2_policysecret -S session -c e >/dev/null
	tpm2_activatecredential -c ak.ctx -C ek.ctx -i "$1" -o recovered -P session:session >/dev/null 2>err.log
	local rc=$?
	tpm2_flushcontext session
	return $rc
}

one() { # EK algorithm, secret length
	tpm2_flushcontext -t 2>/dev/null || true
	tpm2_createek -c ek.ctx -G "$1" -u ek.pem -f pem
	tpm2_flushcontext -t
	tpm2_createak -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -n ak.name >/dev/null
	tpm2_flushcontext -t
	openssl pkey -pubin -in ek.pem -outform DER -out ek.der
	head -c "$2" /dev/urandom >secret
	"$driver" ek.der "$(xxd -p -c 99 ak.name)" secret cred
	activate cred || { cat err.log; echo "FAIL: $1: not activated"; exit 1; }
	cmp -s secret recovered || { echo "FAIL: $1: another secret came out"; exit 1; }
	# another object's name
	name=$(xxd -p -c 99 ak.name | sed 's/0$/f/; t; s/.$/0/')
	"$driver" ek.der "$name" secret cred
	if activate cred; then
		echo "FAIL: $1: activated for another name"
		exit 1
	fi
	echo "ok: $1 EK, $2 bytes"
}

start_tpm
one rsa 32
one ecc 32
one rsa 1
! "$driver" ek.der 000c"$(head -c 32 /dev/zero | xxd -p -c 99)" secret cred 2>/dev/null || { echo "FAIL: a name of another hash"; exit 1; }
head -c 33 /dev/zero >secret
! "$driver" ek.der "$(xxd -p -c 99 ak.name)" secret cred 2>/dev/null || { echo "FAIL: secret too long"; exit 1; }
echo "credential: all passed"
