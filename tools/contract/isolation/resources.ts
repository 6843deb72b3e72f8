import type { JsonObject } from "@bufbuild/protobuf";
import { createApiKey } from "../../testing/api/api-keys.ts";
import { listCrmAudit } from "../../testing/api/audit.ts";
import { listSessions, login } from "../../testing/api/auth.ts";
import { createContact, updateContact } from "../../testing/api/contacts.ts";
import { importContacts, watchImport } from "../../testing/api/imports.ts";
import { createInteraction } from "../../testing/api/interactions.ts";
import { convertLead, createLead } from "../../testing/api/leads.ts";
import { mergeContacts } from "../../testing/api/merges.ts";
import type { ApiOperation } from "../../testing/api/operation.ts";
import { createUser } from "../../testing/api/users.ts";
import { PASSWORD } from "../../testing/services.ts";

/** Somebody who makes resources, which are their own then. */
export interface Owner {
  /** The tenant's slug. */
  readonly slug: string;
  readonly email: string;
  readonly token: string;
  /** To be in the texts of whatever is made: it is in no other tenant's. */
  readonly word: string;
  /** Calls an operation that must succeed, as the owner or with another token. */
  get<Value>(operation: ApiOperation<Value>, input: JsonObject, token?: string): Promise<Value>;
}

let made = 0;
/** Never the same text twice. */
export const unique = (): string => `x${++made}`;

/** What an id can stand for, and how one is made. */
export const RESOURCES = {
  user: ({ get, word }) =>
    get(createUser, {
      email: `${unique()}@${word}.example`,
      fullName: `${word} User`,
      role: "marketing",
    }).then(idOf),
  apiKey: ({ get, word }) => get(createApiKey, { name: `${word} key`, role: "sales" }).then(idOf),
  session: async ({ get, slug, email }) => {
    const { accessToken } = await get(login, { tenant: slug, email, password: PASSWORD });
    const { items } = await get(listSessions, {}, accessToken);
    const session = items.find(({ current }) => current);
    if (session === undefined) throw new Error("a session does not list itself");
    return session.id;
  },
  contact,
  /** One of two contacts that look like one person, as those of all others do. */
  twin: async ({ get, word }) => {
    const twin = { firstName: unique(), lastName: word, email: "twin@company.example" };
    const [{ id }] = await Promise.all([
      get(createContact, { contact: twin, allowDuplicate: true }),
      get(createContact, { contact: twin, allowDuplicate: true }),
    ]);
    return id;
  },
  /** It waits in the review queue. */
  interaction: ({ get, word }) =>
    get(createInteraction, {
      interaction: { type: "note", subject: word, participant: { name: `${unique()} ${word}` } },
    }).then(idOf),
  lead,
  customer: async (owner) => owner.get(convertLead, { id: await lead(owner) }).then(idOf),
  merge: async (owner) => {
    const [id, source] = await Promise.all([contact(owner), contact(owner)]);
    return (await owner.get(mergeContacts, { id, sourceIds: [source] })).mergeId;
  },
  /** An entry of the audit log about a contact. */
  change: (owner) => changedContact(owner).then(({ change }) => change),
  /** It has ended, and has left a row out. */
  import: async ({ get, word }) => {
    const file = `firstName,lastName,email\r\n${unique()},${word},\r\n,${word},not one\r\n`;
    const { id } = await get(importContacts, { file, fileName: `${word}.csv` });
    await get(watchImport, { id });
    return id;
  },
} as const satisfies Record<string, (owner: Owner) => Promise<string>>;

export type Kind = keyof typeof RESOURCES;

/** Of a contact and of a change of it. */
export async function changedContact(owner: Owner): Promise<{ id: string; change: string }> {
  const id = await contact(owner);
  await owner.get(updateContact, { id, contact: { title: unique() } });
  const { items } = await owner.get(listCrmAudit, { entityId: id });
  return { id, change: idOf(items[0] ?? { id: "" }) };
}

function contact({ get, word }: Owner): Promise<string> {
  return get(createContact, { contact: { firstName: unique(), lastName: word } }).then(idOf);
}

async function lead(owner: Owner): Promise<string> {
  const title = `${unique()} ${owner.word}`;
  return owner
    .get(createLead, { lead: { contactId: await contact(owner), title, source: owner.word } })
    .then(idOf);
}

function idOf({ id }: { readonly id: string }): string {
  return id;
}
