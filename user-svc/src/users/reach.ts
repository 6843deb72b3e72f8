import type { Actor } from "@crm/platform/context";
import { Failure, notFound } from "@crm/platform/errors";

/** Everybody may look at themselves. Throws as `users:read` demands it for anybody else. */
export function refuseToRead(actor: Actor, userId: string): void {
  if (userId === actor.userId) return;
  const scope = actor.permissions.get("users:read");
  if (scope === "own") throw notFound("user");
  if (scope === "all") return;
  throw new Failure("forbidden", "forbidden", `The role ${actor.role} may not do users:read.`, {
    facts: { permission: "users:read" },
  });
}
