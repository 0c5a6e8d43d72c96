"""A machine with a TPM in QEMU: OVMF firmware that measures, Debian's signed shim, GRUB and kernel, IMA on (ima_policy=tcb), a small
root with muster-agent in it, and a software TPM that lives from boot to boot. Nothing here needs privileges on the host but apt-get,
which fetches the signed boot chain once."""
import glob
import os
import shutil
import subprocess
import tarfile
import time

FIRMWARE = "/usr/share/OVMF"
BOOT_PACKAGES = ("shim-signed", "grub-efi-amd64-signed", "shim-helpers-amd64-signed")
INITRD_MODULES = ("virtio", "virtio_ring", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk", "failover", "net_failover", "virtio_net")
BUSYBOX = ("sh", "mount", "cat", "ls", "cp", "mkdir", "tar", "sync", "poweroff", "sleep", "ip", "hostname", "chmod", "grep", "env", "date", "tee", "seq")
SECTOR = 512
ESP_SECTORS, ROOT_SECTORS = 131072, 327680
JOB_BYTES = 16 << 20
BOOT_SECONDS = 240

INITRD_INIT = """#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc p /proc; $B mount -t sysfs s /sys; $B mount -t devtmpfs d /dev
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk failover net_failover virtio_net; do $B insmod /mod/$m.ko; done
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -b /dev/vda2 ] && break; $B sleep 0.1; done
$B mount -o rw /dev/vda2 /newroot
$B mount --move /proc /newroot/proc; $B mount --move /sys /newroot/sys; $B mount --move /dev /newroot/dev
exec $B switch_root /newroot /sbin/init
"""
# What the guest is to do comes on the second disk, as a tar with a script `job`; what it leaves in /run/job goes back the same way.
# /run is a tmpfs, so IMA's tcb policy does not measure the job: the list holds what the image holds.
ROOT_INIT = """#!/bin/sh
export PATH=/bin:/sbin:/usr/bin
mount -t tmpfs t /tmp; mount -t tmpfs t /run
mount -t securityfs s /sys/kernel/security
hostname machine
ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2
mkdir -p /run/job; cd /run/job; tar xf /dev/vdb
sh ./job > job.out 2>&1; echo $? > job.exit
cp /sys/kernel/security/tpm0/binary_bios_measurements boot.log
cp /sys/kernel/security/ima/binary_runtime_measurements ima.binary
cp /sys/kernel/security/ima/ascii_runtime_measurements ima.ascii
tar cf /dev/vdb .
sync; poweroff -f
"""


def run(*args, **more):
    p = subprocess.run([str(a) for a in args], capture_output=True, text=True, check=False, **more)
    if p.returncode != 0:
        raise RuntimeError("%s: exit %d\n%s%s" % (" ".join(map(str, args)), p.returncode, p.stdout[-2000:], p.stderr[-2000:]))
    return p.stdout


def fetch(work):
    """The signed boot chain and kernel, unpacked under work/unpacked. Returns the kernel's version."""
    stamp = os.path.join(work, "kernel-version")
    if not os.path.exists(stamp):
        debs = os.path.join(work, "deb")
        os.makedirs(debs, exist_ok=True)
        depends = run("apt-cache", "depends", "linux-image-cloud-amd64")
        kernel = next(w for w in depends.split() if w.startswith("linux-image-") and w != "linux-image-cloud-amd64")
        run("apt-get", "download", "-q", kernel, *BOOT_PACKAGES, cwd=debs)
        for deb in glob.glob(os.path.join(debs, "*.deb")):
            run("dpkg", "-x", deb, os.path.join(work, "unpacked"))
        with open(stamp, "w", encoding="ascii") as f:
            f.write(kernel[len("linux-image-"):])
    with open(stamp, encoding="ascii") as f:
        return f.read().strip()


def write(path, text, mode=0o755):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def copy_program(source, root, target):
    """A program and the shared libraries that it wants."""
    os.makedirs(os.path.dirname(root + target), exist_ok=True)
    shutil.copy(source, root + target)
    for line in run("ldd", source).splitlines():
        library = next((w for w in line.split() if w.startswith("/")), None)
        if library is not None and not os.path.exists(root + library):
            os.makedirs(os.path.dirname(root + library), exist_ok=True)
            shutil.copy(os.path.realpath(library), root + library)


class Image:
    """A disk: ESP with the signed boot chain, and an ext4 root. `cmdline` is added to the kernel's, `initrd_file` to the initramfs."""

    def __init__(self, work, name, programs, cmdline="", initrd_file=None):
        self.unpacked, self.version = os.path.join(work, "unpacked"), fetch(work)
        self.dir = os.path.join(work, "image-" + name)
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.path = os.path.join(self.dir, "disk.img")
        initrd = self.make_initrd(initrd_file)
        self.make_root(programs)
        self.make_esp(cmdline, initrd)
        self.join()

    def make_initrd(self, more):
        tree, out = os.path.join(self.dir, "initrd"), os.path.join(self.dir, "initrd.gz")
        for d in ("bin", "dev", "proc", "sys", "newroot", "mod"):
            os.makedirs(os.path.join(tree, d))
        shutil.copy("/bin/busybox", os.path.join(tree, "bin"))
        for m in INITRD_MODULES:
            shutil.copy(glob.glob("%s/lib/modules/**/%s.ko" % (self.unpacked, m), recursive=True)[0], os.path.join(tree, "mod"))
        write(os.path.join(tree, "init"), INITRD_INIT)
        if more is not None:
            write(os.path.join(tree, more), "echo added\n")
        # the same bytes each time: sorted names, no times, no owners
        run("sh", "-c", "find . -exec touch -h -d @0 {} + && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --reproducible 2>/dev/null | gzip -n -1 > ../initrd.gz", cwd=tree)
        return out

    def make_root(self, programs):
        tree = os.path.join(self.dir, "root")
        for d in ("bin", "sbin", "usr/bin", "dev", "proc", "sys", "run", "tmp", "etc", "lib", "lib64", "var/lib"):
            os.makedirs(os.path.join(tree, d))
        shutil.copy("/bin/busybox", os.path.join(tree, "bin"))
        for name in BUSYBOX:
            os.symlink("busybox", os.path.join(tree, "bin", name))
        for source, target in programs.items():
            copy_program(source, tree, target)
        tcti = glob.glob("/usr/lib/*/libtss2-tcti-device.so.0")[0]
        copy_program(tcti, tree, tcti)
        write(os.path.join(tree, "sbin/init"), ROOT_INIT)
        write(os.path.join(tree, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n", 0o644)
        write(os.path.join(tree, "etc/group"), "root:x:0:\n", 0o644)
        out = os.path.join(self.dir, "root.img")
        run("truncate", "-s", ROOT_SECTORS * SECTOR, out)
        run("mke2fs", "-q", "-t", "ext4", "-d", tree, "-L", "root", "-U", "11111111-2222-3333-4444-555555555555", out)

    def make_esp(self, cmdline, initrd):
        esp, config = os.path.join(self.dir, "esp.img"), os.path.join(self.dir, "grub.cfg")
        write(config, "set timeout=0\nlinux /vmlinuz root=/dev/vda2 rw console=ttyS0 panic=-1 quiet ima_policy=tcb ima_hash=sha256 %s\n"
              "initrd /initrd.gz\nboot\n" % cmdline, 0o644)
        run("truncate", "-s", ESP_SECTORS * SECTOR, esp)
        run("mkfs.vfat", "-F32", "-n", "ESP", "-i", "12345678", esp)
        run("mmd", "-i", esp, "::/EFI", "::/EFI/BOOT", "::/EFI/debian")
        for source, target in ((self.unpacked + "/usr/lib/shim/shimx64.efi.signed", "EFI/BOOT/BOOTX64.EFI"),
                               (self.unpacked + "/usr/lib/shim/mmx64.efi.signed", "EFI/BOOT/mmx64.efi"),
                               (self.unpacked + "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", "EFI/BOOT/grubx64.efi"),
                               (config, "EFI/debian/grub.cfg"), (self.unpacked + "/boot/vmlinuz-" + self.version, "vmlinuz"), (initrd, "initrd.gz")):
            run("mcopy", "-i", esp, source, "::/" + target)

    def join(self):
        run("truncate", "-s", (4096 + ESP_SECTORS + ROOT_SECTORS) * SECTOR, self.path)
        table = ("label: gpt\nlabel-id: 0F0F0F0F-0000-4000-8000-000000000001\n"
                 "start=2048, size=%d, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=0F0F0F0F-0000-4000-8000-000000000002\n"
                 "start=%d, size=%d, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=0F0F0F0F-0000-4000-8000-000000000003\n"
                 % (ESP_SECTORS, 2048 + ESP_SECTORS, ROOT_SECTORS))
        run("sfdisk", "-q", self.path, input=table)
        for name, seek in (("esp.img", 2048), ("root.img", 2048 + ESP_SECTORS)):
            run("dd", "if=" + os.path.join(self.dir, name), "of=" + self.path, "bs=%d" % SECTOR, "seek=%d" % seek, "conv=notrunc,sparse", "status=none")
            os.unlink(os.path.join(self.dir, name))


class Machine:
    """One machine: its TPM, and what its jobs leave behind, live from boot to boot."""

    def __init__(self, work, name="machine"):
        self.dir = os.path.join(work, name)
        shutil.rmtree(self.dir, ignore_errors=True)
        self.tpm, self.maker, self.job = (os.path.join(self.dir, d) for d in ("tpm", "maker", "job"))
        for d in (self.tpm, self.maker, self.job):
            os.makedirs(d)
        m = self.maker
        write(m + "/localca.conf", "statedir = %s\nsigningkey = %s/key.pem\nissuercert = %s/issuercert.pem\ncertserial = %s/serial\n" % (m, m, m, m), 0o644)
        write(m + "/options", "--platform-manufacturer Example\n--platform-version 1.0\n--platform-model Machine\n", 0o644)
        write(m + "/setup.conf", "create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = %s/localca.conf\n"
              "create_certs_tool_options = %s/options\nactive_pcr_banks = sha256\n" % (m, m), 0o644)
        run("swtpm_setup", "--tpm2", "--tpmstate", self.tpm, "--config", m + "/setup.conf", "--create-ek-cert", "--pcr-banks", "sha256", "--lock-nvram", "--overwrite")
        self.console, self.boots, self.running, self.errors = None, 0, [], None

    def roots(self):
        """A directory with the certificates of the TPM's maker."""
        roots = os.path.join(self.dir, "roots")
        os.makedirs(roots, exist_ok=True)
        for cert in glob.glob(self.maker + "/*cert.pem"):
            shutil.copy(cert, roots)
        return roots

    def start(self, image, job, secure=True):
        """Power on with this image; `job` is the script that the guest runs."""
        self.boots += 1
        write(os.path.join(self.job, "job"), job)
        tar, disk, variables, sock = (os.path.join(self.dir, n) for n in ("job.tar", "disk.img", "vars.fd", "tpm.sock"))
        with tarfile.open(tar, "w") as t:
            t.add(self.job, arcname=".")
        run("truncate", "-s", JOB_BYTES, tar)
        run("cp", "--sparse=always", image.path, disk)
        shutil.copy(FIRMWARE + ("/OVMF_VARS_4M.ms.fd" if secure else "/OVMF_VARS_4M.fd"), variables)
        code = FIRMWARE + ("/OVMF_CODE_4M.ms.fd" if secure else "/OVMF_CODE_4M.secboot.fd")
        self.console = os.path.join(self.dir, "console-%d.log" % self.boots)
        swtpm = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.tpm, "--ctrl", "type=unixio,path=" + sock, "--terminate"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.running = [swtpm]
        end = time.monotonic() + 10
        while not os.path.exists(sock) and time.monotonic() < end:
            time.sleep(0.02)
        self.errors = open(os.path.join(self.dir, "qemu.err"), "w", encoding="utf-8")
        self.qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-M", "q35,smm=on", "-m", "1024", "-smp", "1", "-nodefaults", "-display", "none",
             "-no-reboot", "-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1",
             "-drive", "if=pflash,format=raw,unit=0,readonly=on,file=" + code, "-drive", "if=pflash,format=raw,unit=1,file=" + variables,
             "-chardev", "socket,id=c,path=" + sock, "-tpmdev", "emulator,id=t,chardev=c", "-device", "tpm-crb,tpmdev=t",
             "-drive", "if=none,id=d,format=raw,file=" + disk, "-device", "virtio-blk-pci,drive=d,bootindex=0",
             "-drive", "if=none,id=j,format=raw,file=" + tar, "-device", "virtio-blk-pci,drive=j",
             "-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,romfile=", "-object", "rng-random,id=r,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=r",
             "-serial", "file:" + self.console, "-monitor", "none"], stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors)
        self.running.insert(0, self.qemu)

    def finish(self):
        """Wait until it powered off. Returns (exit status of the job, its output)."""
        try:
            self.qemu.wait(BOOT_SECONDS)
        except subprocess.TimeoutExpired:
            self.stop()
            raise RuntimeError("the machine did not power off in %d s; its console:\n%s" % (BOOT_SECONDS, self.read_console()[-3000:])) from None
        self.stop()
        shutil.rmtree(self.job)
        os.makedirs(self.job)
        with tarfile.open(os.path.join(self.dir, "job.tar"), ignore_zeros=False) as t:
            t.extractall(self.job, members=[m for m in t if m.isfile() or m.isdir()])
        return int(self.read("job.exit")), self.read("job.out")

    def boot(self, image, job, secure=True):
        self.start(image, job, secure)
        return self.finish()

    def read(self, name):
        with open(os.path.join(self.job, name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def read_console(self):
        if not os.path.exists(self.console):
            return ""
        with open(self.console, encoding="latin-1") as f:
            return f.read()

    def stop(self):
        for p in self.running:
            if p.poll() is None:
                p.terminate()
                try:
                    p.wait(10)
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.wait()
        self.running = []
        if self.errors is not None:
            self.errors.close()
