import { networkOf } from "@crm/platform/address";
import type { RequestContext } from "@crm/platform/context";
import { unauthenticated } from "@crm/platform/errors";
import { checkGuess } from "../security/guesses.ts";
import type { UserServices } from "../services.ts";
import { type Credentials, findCredentials } from "./queries.ts";

/** What is known of a user who is to show a password or a code. Null if there is no such user. */
export async function credentialsOf(
  { services, deadline, clientAddress }: RequestContext<UserServices>,
  tenantId: string,
  of: { readonly email: string } | { readonly userId: string },
): Promise<Credentials | null> {
  const db = services.database.reader({ tenantId, deadline });
  return findCredentials(db, tenantId, of, networkOf(clientAddress));
}

/** Checks a secret of a known user, as one more guess at the account's. */
export function checkSecretOf<T>(
  context: RequestContext<UserServices>,
  { tenant, user, knownNetwork }: Credentials,
  check: () => Promise<T>,
): Promise<T> {
  const account = [tenant.slug, user.email];
  return checkGuess(
    context,
    { account, knownNetwork, tenantId: tenant.id, userId: user.id },
    check,
  );
}

/** Checks the password of somebody who is signed in. Throws `unauthenticated` or `rateLimited`. */
export async function checkPasswordOf(
  context: RequestContext<UserServices>,
  credentials: Credentials,
  password: string,
): Promise<void> {
  await checkSecretOf(context, credentials, async () => {
    const matches = await context.services.passwords.verify(password, credentials.passwordHash);
    if (!matches) throw unauthenticated("wrong_password");
  });
}
