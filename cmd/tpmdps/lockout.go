package main

import "tpmdps/internal/enroll"

// sayLockOut names the machine that loses its identity with a plan, before the
// plan is applied and in a dry run.
func (u *ui) sayLockOut(item enroll.Item) {
	if item.Action != enroll.ReplaceEK || item.LocksOut == nil {
		return
	}
	u.say("warning: %s: --replace-ek locks out %s: it can no longer provision", item.RegistrationID, *item.LocksOut)
}
