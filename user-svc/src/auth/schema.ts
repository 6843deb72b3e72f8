import { email, text } from "@crm/platform/input";
import { z } from "zod";
import { slug, tenantName } from "../tenant/schema.ts";
import { fullName } from "../users/schema.ts";
import { newPassword, password } from "./passwords/schema.ts";
import { code } from "./second-factor/schema.ts";

// Part of what other folders know of sign-in; declared where sessions are.
export { type Session, session } from "./sessions/schema.ts";

export const registerInput = z.strictObject({
  tenant: z.strictObject({ name: tenantName, slug }),
  email,
  password: newPassword,
  fullName,
});

const firstStep = ["tenant", "email", "password"] as const;
const secondStep = ["challenge", "code"] as const;

/** Credentials; or, where they are not enough, the challenge that came back, and a code. */
export const loginInput = z
  .strictObject({
    tenant: text(63).toLowerCase().optional(),
    email: text(254).toLowerCase().optional(),
    password: password.optional(),
    challenge: z.string().max(1_000).optional(),
    code: code.optional(),
  })
  .superRefine((given, ctx) => {
    const isSecond = secondStep.some((name) => given[name] !== undefined);
    const [wanted, stray] = isSecond ? [secondStep, firstStep] : [firstStep, secondStep];
    for (const name of wanted) {
      if (given[name] !== undefined) continue;
      ctx.addIssue({
        code: "custom",
        path: [name],
        message: "is required",
        params: { code: "required" },
      });
    }
    for (const name of stray) {
      if (given[name] === undefined) continue;
      const message = "does not belong beside a challenge";
      ctx.addIssue({ code: "custom", path: [name], message, params: { code: "unknown_field" } });
    }
  })
  // The types cannot see what is checked above.
  .transform((given) => given as PasswordStep | CodeStep);

export interface PasswordStep {
  readonly tenant: string;
  readonly email: string;
  readonly password: string;
}

export interface CodeStep {
  readonly challenge: string;
  readonly code: string;
}

/** Longer than any one-time token. */
const token = z.string().max(200);

export const changePasswordInput = z.strictObject({ currentPassword: password, newPassword });

export const acceptInvitationInput = z.strictObject({
  token,
  password: newPassword,
  fullName: fullName.optional(),
});

export const resetPasswordInput = z.strictObject({ token, password: newPassword });
