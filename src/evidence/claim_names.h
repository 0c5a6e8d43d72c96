/* The catalogue of claims: X(name, type, count, unproven, sentence), sorted by name. What no row names, no evidence says and no
 * policy can ask for. `unproven` says whether evidence can hold the claim without proof (evidence/claims.h). The sentences
 * are docs/claims.md, which scripts/check-docs holds to this table. */
#ifndef MS_CLAIM_NAMES_H
#define MS_CLAIM_NAMES_H

#define MS_CLAIM_NAMES(X) \
	X("ak.azure.vm", TEXT, ONE, NEVER, "the Azure virtual machine that the AK certificate names") \
	X("ak.certificate-kind", TEXT, ONE, NEVER, "ak, iak or idevid: what the certificate of the attestation or identity key is for") \
	X("ak.certificate-serial", TEXT, ONE, NEVER, "serial number of the AK certificate, in hex") \
	X("ak.chain-root", TEXT, ONE, NEVER, "subject of the trust anchor that the AK certificate chains to") \
	X("ak.cloud", TEXT, ONE, NEVER, \
	    "azure or google: whose virtual TPM the AK certificate says it is; ask for ak.chain-root beside it") \
	X("ak.device-serial", TEXT, ONE, NEVER, "serial number of the device in its IDevID or IAK certificate") \
	X("ak.ek-digest", TEXT, ONE, NEVER, "SHA-256 of the EK certificate of the TPM that holds an IDevID or IAK key, in hex") \
	X("ak.google.instance-id", UINT, ONE, NEVER, "number of the Google instance that the AK certificate names") \
	X("ak.google.instance-name", TEXT, ONE, NEVER, "name of the Google instance that the AK certificate names") \
	X("ak.google.production", BOOL, ONE, NEVER, "whether Google says that the instance's virtual TPM is a production one") \
	X("ak.google.project-id", TEXT, ONE, NEVER, "project of the Google instance that the AK certificate names") \
	X("ak.google.project-number", UINT, ONE, NEVER, "number of that project") \
	X("ak.google.security-version", UINT, ONE, NEVER, "security version of the Google virtual TPM") \
	X("ak.google.zone", TEXT, ONE, NEVER, "zone of the Google instance that the AK certificate names") \
	X("ak.module-serial", TEXT, ONE, NEVER, "serial number of the TPM in the hardwareModuleName of an IDevID or IAK certificate") \
	X("ak.partial-chain", BOOL, ONE, NEVER, "whether the trust anchor of the AK certificate is an intermediate") \
	X("ak.revocation-checked", BOOL, ONE, NEVER, "whether every issuer in the chain of the AK certificate had a good CRL") \
	X("ak.verified-residency", BOOL, ONE, NEVER, "whether the issuer's policy says that it saw the key to be in a TPM") \
	X("attester.assurance", TEXT, ONE, NEVER, "low, software or hardware: how much the kind of attester can prove") \
	X("attester.kind", TEXT, ONE, NEVER, "the row of the attester registry that verified this evidence") \
	X("ek.certificate-serial", TEXT, ONE, NEVER, "serial number of the EK certificate, in hex") \
	X("ek.chain-root", TEXT, ONE, NEVER, "subject of the trust anchor that the EK certificate chains to") \
	X("ek.firmware-version", TEXT, ONE, NEVER, "version of the TPM in its EK certificate, such as id:00490004") \
	X("ek.maker", TEXT, ONE, NEVER, "name of the TPM's maker by the TCG vendor registry") \
	X("ek.maker-id", TEXT, ONE, NEVER, "the TPM's maker as the EK certificate has it, such as id:53544D20") \
	X("ek.model", TEXT, ONE, NEVER, "model of the TPM in its EK certificate") \
	X("ek.partial-chain", BOOL, ONE, NEVER, "whether the trust anchor of the EK certificate is an intermediate") \
	X("ek.revocation-checked", BOOL, ONE, NEVER, "whether every issuer in the chain of the EK certificate had a good CRL") \
	X("ek.spec-family", TEXT, ONE, NEVER, "family of the TPM specification that the EK certificate names, such as 2.0") \
	X("ek.spec-level", UINT, ONE, NEVER, "level of that specification") \
	X("ek.spec-revision", UINT, ONE, NEVER, "revision of that specification") \
	X("ima.boot-aggregate", TEXT, ONE, NEVER, \
	    "what the first entry of the IMA list says of the PCRs before the kernel: pcrs-0-9 or pcrs-0-7 (it is their digest), " \
	    "differs, zeros (the kernel found no TPM), unchecked (no boot log, or another bank)") \
	X("ima.buffer", TEXT, MANY, NEVER, \
	    "a buffer that the kernel measured, as NAME HASH:DIGEST; those with a claim of their own are not among them") \
	X("ima.entries", UINT, ONE, NEVER, "entries of the IMA list that was judged; of a continued list those that are new") \
	X("ima.hash", TEXT, MANY, NEVER, "hash in which files were measured, such as sha256") \
	X("ima.kernel-version", TEXT, MANY, NEVER, "version of the kernel, as it measured itself") \
	X("ima.kexec-cmdline", TEXT, MANY, NEVER, "command line of a kernel that was loaded to be started without a reboot") \
	X("ima.keyring", TEXT, MANY, NEVER, "a key that was put on a keyring of the kernel, as KEYRING HASH:DIGEST") \
	X("ima.signatures-bad", UINT, ONE, NEVER, "measured files whose IMA signature is wrong") \
	X("ima.signatures-good", UINT, ONE, NEVER, "measured files with an IMA signature by a key that is known") \
	X("ima.signatures-unknown", UINT, ONE, NEVER, \
	    "measured files with an IMA signature that could not be checked: the key is not known, or the form") \
	X("ima.signer", BYTES, MANY, NEVER, "a known key that signed measured files: SHA-256 of its SubjectPublicKeyInfo") \
	X("ima.signer-measured", BYTES, MANY, NEVER, \
	    "the same for a key that is known only because the machine measured it onto a keyring: believe it as far as that keyring") \
	X("ima.template", TEXT, MANY, NEVER, "template of entries of the IMA list, such as ima-ng") \
	X("ima.violations", UINT, ONE, NEVER, \
	    "files that changed while they were measured: what ran is not known, nor is which file it was")

#endif
