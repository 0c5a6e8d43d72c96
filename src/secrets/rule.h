/* Names of secrets and who may have them. Shared by the CLI, core and keeper: a secret's rule travels in the header that
 * keeper authenticates, so no process decides alone who is entitled. */
#ifndef MS_RULE_H
#define MS_RULE_H
#include "base/bytes.h"

#define MS_SECRET_PATH_MAX 256u
#define MS_SECRET_RULE_MAX 256u
#define MS_SECRET_VALUE_MAX 65536u
#define MS_SECRET_CLASS_DEVICE "device" /* the only exposure class so far: sealed to a device, never in clear (I1) */

/* 1 to 8 names of [a-z0-9._-], none beginning with '.' or '-', joined by single '/'. One spelling for each path. */
bool ms_secret_path_ok(struct ms_span path);
/* "model=X" or "device=ID", X of 1 to 64 bytes of printable UTF-8. Empty is nobody, and not a rule. */
bool ms_secret_rule_ok(struct ms_span rule);
/* Does the rule entitle this device? False for anything that is not a rule. */
bool ms_secret_rule_admits(struct ms_span rule, struct ms_span model, struct ms_span device);

#endif
