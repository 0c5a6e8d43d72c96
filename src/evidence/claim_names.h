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
	X("attester.fresh", BOOL, ONE, NEVER, "whether a nonce was asked for, and is in what was signed") \
	X("attester.kind", TEXT, ONE, NEVER, "the row of the attester registry that verified this evidence") \
	X("boot.authority", TEXT, MANY, MAYBE, \
	    "what let a program start under Secure Boot: the variable and the certificate's subject or the hash in it, such as 'db: " \
	    "Microsoft Corporation UEFI CA 2011'") \
	X("boot.authority.cert", BYTES, MANY, MAYBE, "SHA-256 of each certificate (DER) that let a program start") \
	X("boot.authority.hash", BYTES, MANY, MAYBE, "each hash entry of db or MokList that let a program start without a signature") \
	X("boot.authority.subject", TEXT, MANY, MAYBE, "common name of the subject of each certificate that let a program start") \
	X("boot.db.cert", BYTES, MANY, MAYBE, "SHA-256 of each certificate in db, whose signatures Secure Boot accepts") \
	X("boot.db.entries", UINT, ONE, MAYBE, "number of entries in db") \
	X("boot.db.hash", BYTES, MANY, MAYBE, "each image hash in db") \
	X("boot.db.subject", TEXT, MANY, MAYBE, "common name of the subject of each certificate in db") \
	X("boot.dbx.cert", BYTES, MANY, MAYBE, "SHA-256 of each revoked certificate in dbx") \
	X("boot.dbx.entries", UINT, ONE, MAYBE, "number of entries in dbx, the list of what Secure Boot refuses") \
	X("boot.dbx.hash", BYTES, MANY, MAYBE, "each revoked image hash in dbx; the first 1,024 of them") \
	X("boot.debugger", BOOL, ONE, MAYBE, \
	    "a firmware debugger, or debugging of the Windows boot loader, kernel or hypervisor, was enabled") \
	X("boot.dma-unprotected", BOOL, ONE, MAYBE, "firmware says that it turned its protection against DMA off") \
	X("boot.driver.digest", BYTES, MANY, NEVER, \
	    "digest of each driver that firmware loaded from option ROMs and disks (PCR 2); not recomputable, extended all the same") \
	X("boot.driver.source", TEXT, MANY, MAYBE, \
	    "where drivers of PCR 2 came from: option-rom, firmware, disk, network, memory or other") \
	X("boot.drivers", UINT, ONE, NEVER, "number of drivers in PCR 2") \
	X("boot.exit-boot-services", BOOL, ONE, MAYBE, "firmware handed over to the operating system (ExitBootServices succeeded)") \
	X("boot.file", TEXT, MANY, MAYBE, \
	    "each file that the boot loader read (PCR 9): its name and the hex of its digest; the name is in no digest") \
	X("boot.file.digest", BYTES, MANY, NEVER, "digest of each file that the boot loader read (PCR 9), kernel and initrd among them") \
	X("boot.firmware.digest", BYTES, MANY, NEVER, \
	    "digest of each part of the firmware that measured itself (PCR 0) and is not in the log") \
	X("boot.firmware.version", TEXT, ONE, MAYBE, "version of the firmware as it measured it (EV_S_CRTM_VERSION)") \
	X("boot.gpt.disk", TEXT, MANY, MAYBE, "GUID of each disk whose partition table was measured") \
	X("boot.grub.command", TEXT, MANY, MAYBE, "each command that GRUB ran, after expansion of its variables (PCR 8)") \
	X("boot.image.digest", BYTES, MANY, NEVER, \
	    "Authenticode digest of each program started on the way to the system: loaders and, mostly, the kernel (PCR 4)") \
	X("boot.image.path", TEXT, MANY, MAYBE, "file name or device path of each such program; it is in no digest") \
	X("boot.image.signer", TEXT, MANY, MAYBE, \
	    "each such program and the subject that let it start, by the order of the log: which signer booted what") \
	X("boot.initrd.digest", BYTES, MANY, MAYBE, "digest of each initrd, found among the files by its name") \
	X("boot.kek.cert", BYTES, MANY, MAYBE, "SHA-256 of each certificate that may change db and dbx (KEK)") \
	X("boot.kek.subject", TEXT, MANY, MAYBE, "common name of the subject of each certificate in KEK") \
	X("boot.kernel.cmdline", TEXT, MANY, MAYBE, \
	    "each command line that a boot loader gave to a kernel; of GRUB it begins with the kernel's path") \
	X("boot.kernel.digest", BYTES, MANY, MAYBE, "digest of each kernel, found among the files by the name in GRUB's command") \
	X("boot.loader.digest", BYTES, ONE, MAYBE, "Authenticode digest of the first program that firmware started for the system") \
	X("boot.mismatched", UINT, ONE, NEVER, \
	    "number of events whose data is not what their digest says: 0 in an honest log of good firmware") \
	X("boot.mok.digest", TEXT, MANY, MAYBE, \
	    "each list of machine owner keys that shim measured (PCR 14): its name and the hex of its digest; the name is in no digest") \
	X("boot.option", TEXT, MANY, MAYBE, \
	    "each boot option: name, description and device path, such as 'Boot0001 debian HD(1,GPT,...)/\\EFI\\debian\\shimx64.efi'") \
	X("boot.order", TEXT, ONE, MAYBE, "order of boot options, such as '0001,0000'") \
	X("boot.pk.cert", BYTES, MANY, MAYBE, "SHA-256 of the platform key's certificate (PK)") \
	X("boot.pk.subject", TEXT, MANY, MAYBE, "common name of the subject of the platform key's certificate") \
	X("boot.sbat.component", TEXT, MANY, MAYBE, \
	    "each row of the SBAT level: component and least generation that may start, such as 'shim,4'") \
	X("boot.sbat.grub", TEXT, ONE, MAYBE, "least generation of GRUB that shim lets start (SBAT)") \
	X("boot.sbat.level", TEXT, ONE, MAYBE, "date of the SBAT level in force, such as 2025021800") \
	X("boot.sbat.shim", TEXT, ONE, MAYBE, "least generation of shim that may start (SBAT)") \
	X("boot.secure-boot", BOOL, ONE, MAYBE, "Secure Boot was on when the machine started") \
	X("boot.separator-error", BOOL, ONE, NEVER, \
	    "firmware measured an error where a separator belongs, or a separator hides under another type") \
	X("boot.separators", BOOL, ONE, NEVER, \
	    "each of PCRs 0 to 7 has exactly one separator, so the part that firmware measured before handing over is complete") \
	X("boot.setup-mode", BOOL, ONE, MAYBE, "no platform key was enrolled: anyone could have changed the keys of Secure Boot") \
	X("boot.shim", BOOL, ONE, MAYBE, "shim ran: it measured what it alone measures") \
	X("boot.test-signing", BOOL, ONE, MAYBE, "Windows accepted test-signed drivers") \
	X("boot.uki.section", TEXT, MANY, MAYBE, \
	    "each section of a unified kernel image that systemd-stub measured (PCR 11): its name and the hex of its digest") \
	X("boot.windows.boot-counter", UINT, ONE, MAYBE, "how often Windows' boot manager has started on this machine") \
	X("boot.windows.code-integrity", BOOL, ONE, MAYBE, "Windows enforces code integrity") \
	X("boot.windows.flight-signing", BOOL, ONE, MAYBE, "Windows accepted pre-release signed code") \
	X("boot.windows.safe-mode", BOOL, ONE, MAYBE, "Windows started in safe mode") \
	X("boot.windows.winpe", BOOL, ONE, MAYBE, "Windows started as its installation environment") \
	X("cca.platform.component", TEXT, MANY, NEVER, "measured firmware of the platform, TYPE:HEX such as RSE_BL2:53c2...") \
	X("cca.platform.component-signer", BYTES, MANY, NEVER, "hash of a key that signed firmware of the platform") \
	X("cca.platform.component-version", TEXT, MANY, NEVER, "version of firmware of the platform, TYPE:VERSION") \
	X("cca.platform.config", BYTES, ONE, NEVER, "configuration of the platform, as its maker defines it") \
	X("cca.platform.hash", TEXT, ONE, NEVER, "hash algorithm of the platform's measurements") \
	X("cca.platform.implementation-id", BYTES, ONE, NEVER, "which implementation of the platform it is") \
	X("cca.platform.instance-id", BYTES, ONE, NEVER, "which platform it is: the UEID of its attestation key") \
	X("cca.platform.lifecycle", TEXT, ONE, NEVER, "life cycle of the platform: secured, or a state in which it may be debugged") \
	X("cca.platform.profile", TEXT, ONE, NEVER, "profile of the platform token") \
	X("cca.platform.service", TEXT, ONE, NEVER, "verification service that the platform names") \
	X("cca.realm.hash", TEXT, ONE, NEVER, "hash algorithm of the realm's measurements") \
	X("cca.realm.initial-measurement", BYTES, ONE, NEVER, "measurement of the realm as it was started") \
	X("cca.realm.key", BYTES, ONE, NEVER, "hash of the realm's attestation key, as the platform token has it") \
	X("cca.realm.measurement", TEXT, MANY, NEVER, "an extensible measurement of the realm, NUMBER:HEX") \
	X("cca.realm.personalization", BYTES, ONE, NEVER, "personalization value of the realm") \
	X("dice.authority-hash", TEXT, MANY, NEVER, "hash of who signed a layer's code, LAYER:HEX") \
	X("dice.chain-root", TEXT, ONE, NEVER, \
	    "what the chain was verified with: the subject of a root certificate, or key: and the id of a public key") \
	X("dice.code-hash", TEXT, MANY, NEVER, "hash of a layer's code, LAYER:HEX") \
	X("dice.component", TEXT, MANY, NEVER, "name of a layer's component in its configuration, LAYER:NAME") \
	X("dice.component-version", TEXT, MANY, NEVER, "version of a layer's component in its configuration, LAYER:VERSION") \
	X("dice.config-descriptor", TEXT, MANY, NEVER, "configuration of a layer, LAYER:HEX") \
	X("dice.config-hash", TEXT, MANY, NEVER, "hash of a layer's configuration, LAYER:HEX") \
	X("dice.debug", BOOL, ONE, NEVER, \
	    "whether a layer is in debug, recovery or not configured mode, or says nothing of its mode where it must") \
	X("dice.flag", TEXT, MANY, NEVER, "an operational flag that is set in a TcbInfo, LAYER:NAME such as 1:debug") \
	X("dice.form", TEXT, ONE, NEVER, "form of the chain: x509 or cbor") \
	X("dice.fwid", TEXT, MANY, NEVER, "firmware id of a layer, LAYER:ALGORITHM:HEX such as 1:sha256:ab...") \
	X("dice.key", BYTES, ONE, NEVER, "SHA-256 of the SubjectPublicKeyInfo of the last layer's key") \
	X("dice.layers", UINT, ONE, NEVER, "certificates in the chain below what is trusted") \
	X("dice.mode", TEXT, MANY, NEVER, "mode of a layer, LAYER:MODE; modes are not-configured, normal, debug and recovery") \
	X("dice.model", TEXT, MANY, NEVER, "model in a TcbInfo, LAYER:TEXT") \
	X("dice.profile", TEXT, MANY, NEVER, "profile that a layer's certificate names, LAYER:NAME") \
	X("dice.security-version", TEXT, MANY, NEVER, "security version of a layer, LAYER:NUMBER") \
	X("dice.svn", UINT, MANY, NEVER, "security version of any layer, to be compared as a number") \
	X("dice.type", TEXT, MANY, NEVER, "type in a TcbInfo, LAYER:HEX") \
	X("dice.ueid", BYTES, ONE, NEVER, "UEID of the device in its certificates") \
	X("dice.vendor", TEXT, MANY, NEVER, "vendor in a TcbInfo, LAYER:TEXT") \
	X("dice.vendor-info", TEXT, MANY, NEVER, "vendor information in a TcbInfo, LAYER:HEX") \
	X("dice.version", TEXT, MANY, NEVER, "version in a TcbInfo, LAYER:TEXT") \
	X("eat.boot-count", UINT, ONE, NEVER, "how often the device has booted") \
	X("eat.boot-seed", BYTES, ONE, NEVER, "value that is made new with each boot") \
	X("eat.debug", TEXT, ONE, NEVER, \
	    "debug status: enabled, disabled, disabled-since-boot, disabled-permanently or disabled-fully-and-permanently") \
	X("eat.expires", UINT, ONE, NEVER, "when the token expires, in seconds since 1970") \
	X("eat.hardware-model", BYTES, ONE, NEVER, "hardware model") \
	X("eat.hardware-version", TEXT, ONE, NEVER, "hardware version") \
	X("eat.issued", UINT, ONE, NEVER, "when the token was issued, in seconds since 1970") \
	X("eat.issuer", TEXT, ONE, NEVER, "issuer of the token") \
	X("eat.oem-boot", BOOL, ONE, NEVER, "whether only software authorised by the maker was booted") \
	X("eat.oem-id", TEXT, ONE, NEVER, "who made the hardware: number, or hex") \
	X("eat.profile", TEXT, ONE, NEVER, "profile that the token follows") \
	X("eat.software-name", TEXT, ONE, NEVER, "name of the software") \
	X("eat.software-version", TEXT, ONE, NEVER, "version of the software") \
	X("eat.subject", TEXT, ONE, NEVER, "subject of the token") \
	X("eat.ueid", BYTES, ONE, NEVER, "universal entity id of the device") \
	X("eat.uptime", UINT, ONE, NEVER, "seconds since the device booted") \
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
	    "files that changed while they were measured: what ran is not known, nor is which file it was") \
	X("join.deployment", BYTES, ONE, NEVER, "deployment that the join token is of") \
	X("join.expires", UINT, ONE, NEVER, "when the join token expires, in seconds since 1970") \
	X("join.key", BYTES, ONE, NEVER, "SHA-256 of the SubjectPublicKeyInfo of the key that was shown with the join token") \
	X("join.key-pinned", BOOL, ONE, NEVER, \
	    "whether the operator wrote this key into the join token; otherwise whoever had the token could use it") \
	X("join.model", TEXT, ONE, NEVER, "model that the operator wrote into the join token") \
	X("join.serial", TEXT, ONE, NEVER, "serial number that the operator wrote into the join token") \
	X("join.signer", BYTES, ONE, NEVER, "id of the operator's key that signed the join token") \
	X("join.tenant", TEXT, ONE, NEVER, "tenant that the join token is for") \
	X("join.token-id", BYTES, ONE, NEVER, "id of the join token: who accepts it must see to it that it is used once") \
	X("psa.boot-seed", BYTES, ONE, NEVER, "value that is made new with each boot") \
	X("psa.certification", TEXT, ONE, NEVER, "certification reference of the device") \
	X("psa.client", TEXT, ONE, NEVER, "partition that asked for the token: secure or non-secure, and its number") \
	X("psa.component", TEXT, MANY, NEVER, "measured software, TYPE:HEX such as BL:ab...; without a type :HEX") \
	X("psa.component-signer", BYTES, MANY, NEVER, "hash of a key that signed measured software") \
	X("psa.component-version", TEXT, MANY, NEVER, "version of measured software, TYPE:VERSION") \
	X("psa.debug", BOOL, ONE, NEVER, "whether the life cycle lets the root of trust be debugged, or is unknown") \
	X("psa.implementation-id", BYTES, ONE, NEVER, "which implementation of the root of trust it is") \
	X("psa.instance-id", BYTES, ONE, NEVER, "which device it is: the UEID of its attestation key") \
	X("psa.lifecycle", TEXT, ONE, NEVER, \
	    "life cycle of the device: secured, or by name a state in which it may be debugged, or unknown") \
	X("psa.profile", TEXT, ONE, NEVER, "profile of the token") \
	X("psa.service", TEXT, ONE, NEVER, "verification service that the device names") \
	X("snp.author-key-digest", BYTES, ONE, NEVER, "digest of the key that signed the guest owner's id key; absent when none did") \
	X("snp.chain-root", TEXT, ONE, NEVER, "subject of the root certificate that the report chains to") \
	X("snp.chip-id", BYTES, ONE, NEVER, "id of the processor; absent when the host masks it") \
	X("snp.debug", BOOL, ONE, NEVER, "whether the guest's policy lets the host read and change its memory") \
	X("snp.family-id", BYTES, ONE, NEVER, "family id that the guest's owner gave") \
	X("snp.guest-svn", UINT, ONE, NEVER, "security version that the guest's owner gave") \
	X("snp.host-data", BYTES, ONE, NEVER, "data that the host gave at launch") \
	X("snp.id-key-digest", BYTES, ONE, NEVER, "digest of the guest owner's id key; absent when there was no id block") \
	X("snp.image-id", BYTES, ONE, NEVER, "image id that the guest's owner gave") \
	X("snp.measurement", BYTES, ONE, NEVER, "measurement of the guest at launch") \
	X("snp.migration", BOOL, ONE, NEVER, "whether the guest's policy lets a migration agent move it") \
	X("snp.policy", UINT, ONE, NEVER, "policy of the guest, as the number that it is") \
	X("snp.product", TEXT, ONE, NEVER, "product that the signer's certificate names") \
	X("snp.report-data", BYTES, ONE, NEVER, "64 bytes that the guest gave") \
	X("snp.report-id", BYTES, ONE, NEVER, "id of the guest's report") \
	X("snp.revocation-checked", BOOL, ONE, NEVER, "whether every issuer in the chain had a good CRL") \
	X("snp.signer", TEXT, ONE, NEVER, "vcek (of the chip) or vlek (of a cloud provider)") \
	X("snp.smt", BOOL, ONE, NEVER, "whether the host runs two threads on a core") \
	X("snp.tcb.bootloader", UINT, ONE, NEVER, "security version of the boot loader that the report is signed with") \
	X("snp.tcb.fmc", UINT, ONE, NEVER, "security version of the FMC that the report is signed with, on products that have one") \
	X("snp.tcb.microcode", UINT, ONE, NEVER, "security version of the microcode that the report is signed with") \
	X("snp.tcb.snp", UINT, ONE, NEVER, "security version of the SNP firmware that the report is signed with") \
	X("snp.tcb.tee", UINT, ONE, NEVER, "security version of the PSP operating system that the report is signed with") \
	X("snp.version", UINT, ONE, NEVER, "version of the report's format") \
	X("snp.vmpl", UINT, ONE, NEVER, "privilege level of who asked for the report, 0 is the highest") \
	X("tdx.attributes", BYTES, ONE, NEVER, "attributes of the TD") \
	X("tdx.chain-root", TEXT, ONE, NEVER, "subject of the root certificate that the quote chains to") \
	X("tdx.debug", BOOL, ONE, NEVER, "whether the TD can be debugged by the host, or runs on a module that can") \
	X("tdx.fmspc", BYTES, ONE, NEVER, "FMSPC of the processor, of its certificate: names the TCB information to ask Intel for") \
	X("tdx.mrconfigid", BYTES, ONE, NEVER, "configuration id that the host gave") \
	X("tdx.mrowner", BYTES, ONE, NEVER, "owner id that the host gave") \
	X("tdx.mrownerconfig", BYTES, ONE, NEVER, "owner's configuration id that the host gave") \
	X("tdx.mrseam", BYTES, ONE, NEVER, "measurement of the TDX module") \
	X("tdx.mrservicetd", BYTES, ONE, NEVER, "measurement of service TDs, of quotes with TDX 1.5 reports") \
	X("tdx.mrsignerseam", BYTES, ONE, NEVER, "signer of the TDX module; zeros are Intel's own") \
	X("tdx.mrtd", BYTES, ONE, NEVER, "measurement of the TD as it was built") \
	X("tdx.pce-id", BYTES, ONE, NEVER, "id of the provisioning certification enclave, of the processor's certificate") \
	X("tdx.qe-svn", UINT, ONE, NEVER, "security version of Intel's quoting enclave") \
	X("tdx.report-data", BYTES, ONE, NEVER, "64 bytes that the TD gave") \
	X("tdx.revocation-checked", BOOL, ONE, NEVER, "whether every issuer in the chain had a good CRL") \
	X("tdx.rtmr0", BYTES, ONE, NEVER, "run-time measurement register 0: firmware and its configuration") \
	X("tdx.rtmr1", BYTES, ONE, NEVER, "run-time measurement register 1: boot loader and kernel") \
	X("tdx.rtmr2", BYTES, ONE, NEVER, "run-time measurement register 2: command line, initramfs and what the system measures") \
	X("tdx.rtmr3", BYTES, ONE, NEVER, "run-time measurement register 3: applications") \
	X("tdx.tcb-svn", BYTES, ONE, NEVER, "security versions of the TDX module: Intel publishes which are current") \
	X("tdx.version", UINT, ONE, NEVER, "version of the quote's format") \
	X("tdx.xfam", BYTES, ONE, NEVER, "processor features that the TD may use")

#endif
