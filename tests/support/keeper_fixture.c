#include "support/keeper_fixture.h"

#include <stdlib.h>

#include "support/test.h"

static struct rig the_rig;
struct rig_device dev;
struct rig_device other_dev;
struct softtpm_key identity_key, sealing_key;
struct ms_buf wrapped;

static void
stop_all(void)
{
	rig_device_fini(&dev);
	rig_device_fini(&other_dev);
	softtpm_key_fini(&identity_key);
	softtpm_key_fini(&sealing_key);
	ms_buf_fini(&wrapped);
	rig_stop(&the_rig);
}

struct rig *
rig(void)
{
	if (the_rig.d.root != NULL)
		return &the_rig;
	struct rig_act a;
	rig_start(&the_rig, getenv("RIG_KEYFILE") == NULL);
	rig_device_init(&dev, "gw-a", "SN-1", "gw-1");
	rig_device_init(&other_dev, "gw-b", "SN-2", "gw-2");
	rig_enrol(&the_rig, &dev);
	rig_enrol(&the_rig, &other_dev);
	softtpm_identity_key(&identity_key);
	softtpm_sealing_key(&dev.tpm, SOFTTPM_SEAL_MASK, &sealing_key);
	ms_buf_init(&wrapped, 80000);
	const struct rig_put p = {.path = "app/db", .rule = "model=gw-1", .value = CANARY};
	rig_make_put(&the_rig, &p, &a);
	CHECK_INT(rig_send(&the_rig, &a, &wrapped), MS_OK);
	rig_act_fini(&a);
	(void)atexit(stop_all);
	return &the_rig;
}

void
refused_with(struct rig_act *a, enum ms_rc want)
{
	struct ms_buf result;
	ms_buf_init(&result, MS_ACT_FRAME_MAX);
	enum ms_rc rc = rig_send(rig(), a, &result);
	if (want == MS_OK ? rc == MS_OK : rc != want)
		fail_msg("keeper said %s", rc == MS_OK ? "yes" : ms_rc_name(rc));
	CHECK(result.len == 0);
	ms_buf_fini(&result);
	rig_act_fini(a);
}

void
granted(struct rig_act *a, struct ms_buf *result)
{
	CHECK_INT(rig_send(rig(), a, result), MS_OK);
	rig_act_fini(a);
}

struct rig_ask
ask_identity(void)
{
	(void)rig();
	return (struct rig_ask){.key = &identity_key};
}

struct rig_ask
ask_release(void)
{
	(void)rig();
	return (struct rig_ask){.key = &sealing_key, .wrapped = ms_buf_span(&wrapped)};
}

void
make_identity(struct rig_act *a)
{
	struct rig_ask q = ask_identity();
	rig_make_identity(rig(), &dev, &q, a);
}
