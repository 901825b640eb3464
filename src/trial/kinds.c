#include "trial/kinds.h"

#include "people/account.h"
#include "trial/enrol.h"
#include "trial/feedback.h"
#include "trial/home.h"
#include "trial/monitoring.h"
#include "trial/privacy.h"
#include "trial/visit.h"

/* Masked roles see a kind only when nothing of its header depends on an arm. A sign-in, a note or a showing by a
 * trainer, or by a therapist whom the study gives feedback, does; so does the release of an arm. */
const struct entry_kind trial_kinds[] = {
    {"study.set", true, home_apply_study},
    {"account.create", true, account_apply_create},
    {"account.change", true, account_apply_change},
    {"account.credential", true, account_apply_credential},
    {"account.sign_in", false, account_apply_sign_in},
    {"person.enrol", true, enrol_apply_person},
    {"person.screen", true, enrol_apply_screening},
    {"person.consent", true, enrol_apply_consent},
    {"person.withdraw", true, enrol_apply_withdrawal},
    {"person.erase", true, privacy_apply_erasure},
    {"allocation.release", false, enrol_apply_release},
    {"session.record", true, visit_apply_session},
    {"form.open", true, visit_apply_opening},
    {"form.submit", true, visit_apply_submission},
    {"form.correct", true, visit_apply_correction},
    {"form.remind", true, monitoring_apply_reminder},
    {"rating.import", true, visit_apply_import},
    {"feedback.show", false, feedback_apply_showing},
    {"note.write", false, feedback_apply_note},
    {NULL, false, NULL},
};
