import type { Kysely } from "kysely";
import type { DB } from "../tables.gen.ts";
import { type Comparable, comparable, type Identity } from "./comparable.ts";
import { nicknamesOf } from "./nicknames.ts";
import { type Found, findSimilar, type Probe } from "./queries.ts";
import { type Likeness, likeness } from "./scoring.ts";

/** A contact that may be the one that was looked for. */
export interface Candidate extends Likeness {
  readonly contactId: string;
  readonly ownerUserId: string | null;
  readonly compared: Comparable;
  readonly sharing: Found["sharing"];
}

/** The contacts that there is any reason to take for this one, most likely first, without itself. */
export async function candidatesFor(
  db: Kysely<DB>,
  tenantId: string,
  identity: Identity,
  selfId: string | null,
): Promise<Candidate[]> {
  const self = comparable(identity);
  const found = await findSimilar(db, tenantId, probesFor(identity, self, 0));
  return found
    .filter(({ contactId }) => contactId !== selfId)
    .map(({ contactId, ownerUserId, identity: other, sharing }) => {
      const compared = comparable(other);
      return { contactId, ownerUserId, compared, sharing, ...likeness(self, compared, sharing) };
    })
    .filter(({ reasons }) => reasons.length > 0)
    .sort((one, other) => other.score - one.score || (one.contactId < other.contactId ? -1 : 1));
}

/** Somebody by all the given names that they may go by. */
export function probesFor(identity: Identity, { given }: Comparable, number: number): Probe[] {
  const nicknames = [given.join(""), ...(given.length > 1 ? given.slice(0, 1) : [])].flatMap(
    nicknamesOf,
  );
  return [
    { ...identity, number, main: true },
    ...[...new Set(nicknames)].map((firstName) => ({
      ...identity,
      firstName,
      number,
      main: false,
    })),
  ];
}
