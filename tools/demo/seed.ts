import { rm, writeFile } from "node:fs/promises";
import { withClient } from "../local/database.ts";
import { Fault } from "../local/fault.ts";
import { type DemoContact, demoContacts } from "./contacts.ts";

/** How to sign in to the demo tenant. No secret: it exists on developers' machines only. */
export const demoLogin = {
  tenant: "demo",
  email: "ada@demo.example",
  password: "plum-anchor-tulip-42",
} as const;

const CONTACTS = 200;
const SEED = 1;
/** Requests at a time; more would only queue for the database. */
const CONCURRENCY = 8;

export interface SeedOptions {
  readonly userUrl: string;
  readonly crmUrl: string;
  /** The database as `crm_owner`, who sees all tenants. */
  readonly ownerUrl: string;
  /** A file that is there while the demo data is incomplete. */
  readonly unfinished: string;
}

/**
 * Makes the tenant "Demo Company" with its admin and 200 contacts, through the services' own API,
 * unless that was done before. What an interruption left undone, the next call does. Returns what it
 * did, in words.
 */
export async function seedDemo(options: SeedOptions): Promise<string> {
  const { userUrl, crmUrl, ownerUrl, unfinished } = options;
  const exists = await demoExists(ownerUrl);
  if (exists && !(await Bun.file(unfinished).exists())) return "kept from earlier";
  await writeFile(unfinished, "");
  const { tenant: slug, ...admin } = demoLogin;
  const session = exists
    ? await post(`${userUrl}/v1/auth/login`, demoLogin)
    : await post(`${userUrl}/v1/auth/register`, {
        tenant: { name: "Demo Company", slug },
        fullName: "Ada Demo",
        ...admin,
      });
  const { accessToken } = await bodyOf<{ accessToken: string }>(session);

  const known = await knownEmails(crmUrl, accessToken);
  const missing = demoContacts(CONTACTS, SEED).filter(({ email }) => !known.has(email));
  await inParallel(missing, CONCURRENCY, async (contact: DemoContact) => {
    // Some of them look alike, as in any company's books.
    await bodyOf(await post(`${crmUrl}/v1/contacts?allowDuplicate=true`, contact, accessToken));
  });
  await rm(unfinished);
  return `tenant "Demo Company" with ${CONTACTS} contacts`;
}

async function demoExists(ownerUrl: string): Promise<boolean> {
  return withClient(ownerUrl, async (owner) => {
    const { rowCount } = await owner.query("SELECT FROM identity.tenants WHERE slug = $1", [
      demoLogin.tenant,
    ]);
    return rowCount !== 0;
  });
}

async function knownEmails(crmUrl: string, accessToken: string): Promise<Set<string>> {
  const emails = new Set<string>();
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: "100", ...(cursor !== null && { cursor }) });
    const response = await fetch(`${crmUrl}/v1/contacts?${query}`, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    const page: { items: { email: string | null }[]; nextCursor: string | null } =
      await bodyOf(response);
    for (const { email } of page.items) if (email !== null) emails.add(email);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return emails;
}

async function post(url: string, body: object, accessToken?: string): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify(body),
  });
}

async function bodyOf<T>(response: Response): Promise<T> {
  if (!response.ok) {
    throw new Fault(
      `The demo data could not be made: ${response.url} answered ${response.status}\n` +
        (await response.text()),
    );
  }
  // The contract's shape; the services' tests hold it, and a wrong one fails in the next call.
  return response.json() as Promise<T>;
}

async function inParallel<T>(
  items: readonly T[],
  workers: number,
  run: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (const item of queue) await run(item);
    }),
  );
}
