import { email, expectedVersion, id, text, timestamp } from "@crm/platform/input";
import { pageInput, pageOf } from "@crm/platform/pages";
import { z } from "zod";
import { newPassword } from "../auth/passwords/schema.ts";
import { role } from "../roles/schema.ts";

export const user = z.strictObject({
  id: z.uuid(),
  email: z.string(),
  fullName: z.string(),
  role,
  status: z.enum(["active", "invited", "disabled"]),
  totpEnabled: z.boolean(),
  version: z.int(),
  createdAt: timestamp,
  updatedAt: timestamp,
});

export const userPage = pageOf(user);

/** The token is null where a password was given. */
export const createdUser = user.extend({ invitationToken: z.string().nullable() });

export const resetToken = z.strictObject({ resetToken: z.string() });

export const fullName = text(200);

/** Without a password the user is invited. */
export const createUserInput = z.strictObject({
  email,
  fullName,
  role,
  password: newPassword.optional(),
});

/** Without an id: oneself. */
export const getUserInput = z.strictObject({ id: id.optional() });

export const listUsersInput = z.strictObject({
  role: role.optional(),
  status: user.shape.status.optional(),
  q: text(200).optional(),
  ...pageInput,
});

/** `active` lets a disabled user in again, or invites one again who never had a password. */
export const updateUserInput = z.strictObject({
  id,
  fullName: fullName.optional(),
  email: email.optional(),
  status: z.enum(["active", "disabled"]).optional(),
  expectedVersion,
});

export const disableUserInput = z.strictObject({ id, expectedVersion });
export const assignRoleInput = z.strictObject({ id, role, expectedVersion });
export const resetPasswordInput = z.strictObject({ id });

export type User = z.output<typeof user>;
export type CreatedUser = z.output<typeof createdUser>;
export type UserFilter = Pick<z.output<typeof listUsersInput>, "role" | "status" | "q">;
/** What can be changed of a user. */
export type UserValues = Pick<User, "fullName" | "email" | "role" | "status">;
