/* TCG_PCClientTaggedEvent (PFP 10.4.2.1): id le32 | length le32 | data, in a row. Windows' ids are those of wbcl.h: bit 30 marks an
 * aggregate, whose data is a row again. */
#include "codec/uefi.h"

#define AGGREGATE 0x40000000u

struct ms_tagged_walk
ms_tagged_over(struct ms_span s)
{
	return (struct ms_tagged_walk){.level = {ms_rd_span(s)}};
}

bool
ms_tagged_next(struct ms_tagged_walk *w, struct ms_tagged *ret)
{
	for (;;) {
		struct ms_rd *r = &w->level[w->depth];
		if (r->bad)
			return false;
		if (ms_rd_left(r) == 0 && w->depth == 0)
			return false;
		if (ms_rd_left(r) == 0) {
			w->depth--;
			continue;
		}
		uint32_t id = ms_rd_le32(r);
		struct ms_span data = ms_rd_bytes(r, ms_rd_le32(r));
		if (r->bad) {
			w->depth = 0;
			ms_rd_poison(&w->level[0]);
			return false;
		}
		if ((id & AGGREGATE) != 0 && w->depth < MS_TAGGED_NESTING_MAX) {
			w->level[++w->depth] = ms_rd_span(data);
			continue;
		}
		*ret = (struct ms_tagged){.id = id, .data = data};
		return true;
	}
}

bool
ms_tagged_ok(const struct ms_tagged_walk *w)
{
	return w->depth == 0 && ms_rd_done(&w->level[0]);
}

const char *
ms_sipa_name(uint32_t id)
{
	static const struct {
		uint32_t id;
		const char *name;
	} rows[] = {
	    {0x00020001, "Information"},
	    {MS_SIPA_BOOT_COUNTER, "BootCounter"},
	    {0x00020003, "TransferControl"},
	    {0x00020004, "ApplicationReturn"},
	    {MS_SIPA_BITLOCKER_UNLOCK, "BitlockerUnlock"},
	    {0x00020006, "EventCounter"},
	    {0x00020007, "CounterId"},
	    {0x00020008, "MorBitNotCancelable"},
	    {0x00020009, "ApplicationSvn"},
	    {0x0002000a, "SvnChainStatus"},
	    {0x0002000b, "MorBitApiStatus"},
	    {MS_SIPA_BOOT_DEBUGGING, "BootDebugging"},
	    {0x00040002, "BootRevocationList"},
	    {MS_SIPA_OS_KERNEL_DEBUG, "OsKernelDebug"},
	    {MS_SIPA_CODE_INTEGRITY, "CodeIntegrity"},
	    {MS_SIPA_TEST_SIGNING, "TestSigning"},
	    {0x00050004, "DataExecutionPrevention"},
	    {MS_SIPA_SAFE_MODE, "SafeMode"},
	    {MS_SIPA_WINPE, "WinPE"},
	    {0x00050007, "PhysicalAddressExtension"},
	    {0x00050008, "OsDevice"},
	    {0x00050009, "SystemRoot"},
	    {0x0005000a, "HypervisorLaunchType"},
	    {0x0005000b, "HypervisorPath"},
	    {0x0005000c, "HypervisorIommuPolicy"},
	    {MS_SIPA_HYPERVISOR_DEBUG, "HypervisorDebug"},
	    {0x0005000e, "DriverLoadPolicy"},
	    {0x0005000f, "SiPolicy"},
	    {0x00050010, "HypervisorMmioNxPolicy"},
	    {0x00050011, "HypervisorMsrFilterPolicy"},
	    {0x00050012, "VsmLaunchType"},
	    {0x00050013, "OsRevocationList"},
	    {0x00050020, "VsmIdkInfo"},
	    {MS_SIPA_FLIGHT_SIGNING, "FlightSigning"},
	    {0x00060001, "NoAuthority"},
	    {0x00060002, "AuthorityPubKey"},
	    {0x00070001, "FilePath"},
	    {0x00070002, "ImageSize"},
	    {0x00070003, "HashAlgorithmId"},
	    {0x00070004, "AuthenticodeHash"},
	    {0x00070005, "AuthorityIssuer"},
	    {0x00070006, "AuthoritySerial"},
	    {0x00070007, "ImageBase"},
	    {0x00070008, "AuthorityPublisher"},
	    {0x00070009, "AuthoritySha1Thumbprint"},
	    {0x0007000a, "ImageValidated"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].id == id)
			return rows[i].name;
	return NULL;
}
