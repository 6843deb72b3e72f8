import { text } from "@crm/platform/input";
import { z } from "zod";
import { password } from "../passwords/schema.ts";

/** Six digits of an authenticator, or a recovery code, as people write them. */
export const code = text(40);

export const nothing = z.strictObject({});

export const confirmInput = z.strictObject({ code });

export const disableInput = z.strictObject({ password });

export const enrolment = z.strictObject({ secret: z.string(), uri: z.string() });

export const recoveryCodeList = z.strictObject({ recoveryCodes: z.array(z.string()) });
