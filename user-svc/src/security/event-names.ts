import type { Severity } from "@crm/platform/security-events";

/** Every event that operations of user-svc report, by its stable name: how grave it is, what it says. */
export const SECURITY_EVENTS = {
  registered: ["info", "A company signed up, with its first admin."],
  login_ok: ["info", "Somebody signed in."],
  login_failed: ["warning", "A wrong password, code or challenge; `reason` says which."],
  login_limited: ["warning", "Too many wrong tries on one account: the next must wait."],
  session_ended: ["info", "Somebody signed out: of one session, or of all."],
  refresh_reused: ["critical", "A refresh token was used twice; the session is ended."],
  refresh_unknown: ["warning", "A refresh token that nobody was given, or long ago."],
  password_changed: ["info", "A user set another password."],
  password_reset_issued: ["info", "A reset token was made for a user."],
  password_reset: ["info", "A user set a password with a reset token."],
  totp_enrolled: ["info", "A user set up a second factor."],
  totp_disabled: ["warning", "A user's second factor was taken away."],
  recovery_code_used: ["warning", "A recovery code stood in for a second factor."],
  invitation_issued: ["info", "A user was invited."],
  invitation_accepted: ["info", "A user took an invitation up."],
  user_created: ["info", "A user was added."],
  user_disabled: ["info", "A user may not sign in any more; all sessions are ended."],
  user_enabled: ["info", "A user may sign in again."],
  role_changed: ["info", "A user was given another role; all sessions are ended."],
  permissions_changed: ["warning", "What a role may do was changed."],
  tenant_security_changed: ["warning", "The company demands second factors of other roles."],
  api_key_created: ["info", "An API key was made."],
  api_key_revoked: ["info", "An API key was revoked."],
} as const satisfies Readonly<Record<string, readonly [Severity, string]>>;

export type SecurityEventName = keyof typeof SECURITY_EVENTS;

/** Why a login failed: a label of a metric, so that there are no others. */
export const LOGIN_FAULTS = [
  "unknown_tenant",
  "unknown_user",
  "not_active",
  "wrong_password",
  "wrong_code",
  "bad_challenge",
  "changed_meanwhile",
] as const;
