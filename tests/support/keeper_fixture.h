/* What the tests of keeper share: one rig with two enrolled devices and a stored secret, and how an act is expected to end. */
#ifndef MS_TEST_KEEPER_FIXTURE_H
#define MS_TEST_KEEPER_FIXTURE_H
#include "support/keeper_rig.h"

#define CANARY "c4n4ry-value-of-a-secret"

extern struct rig_device dev;       /* enrolled: model gw-1 */
extern struct rig_device other_dev; /* enrolled: model gw-2 */
extern struct softtpm_key identity_key, sealing_key;
extern struct ms_buf wrapped; /* CANARY for model gw-1, at app/db */

/* Started at the first call, ended at exit. */
struct rig *rig(void);
/* Send and be refused with exactly this code (MS_OK: with any); then the act is forgotten. */
void refused_with(struct rig_act *a, enum ms_rc want);
#define refused(a) refused_with(a, MS_OK)
void granted(struct rig_act *a, struct ms_buf *result);
struct rig_ask ask_identity(void);
struct rig_ask ask_release(void);
void make_identity(struct rig_act *a); /* a true one */

#endif
