/** Every event of user-svc, by its name: the `entity.action` of the audit entry that it is. */
export const BUSINESS_EVENTS = {
  "tenant.created": "A company signed up.",
  "tenant.updated": "A company's settings were changed.",
  "user.created": "A user was added or invited, or signed up with the company.",
  "user.updated": "A user's name or e-mail address was changed.",
  "user.disabled": "A user may not sign in any more.",
  "user.enabled": "A user may sign in again.",
  "user.role_changed": "A user was given another role.",
  "user.invitation_accepted": "A user took an invitation up.",
  "user.password_changed": "A user set another password.",
  "user.password_reset": "A user set a password with a reset token.",
  "user.password_reset_issued": "A reset token was made for a user.",
  "user.totp_enabled": "A user set up a second factor.",
  "user.totp_disabled": "A user's second factor was taken away.",
  "role.permissions_changed": "What a role may do was changed.",
  "apiKey.created": "An API key was made.",
  "apiKey.revoked": "An API key was revoked.",
} as const satisfies Readonly<Record<string, string>>;
