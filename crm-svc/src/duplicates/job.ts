import type { Kysely } from "kysely";
import { z } from "zod";
import { collectWhenLarge } from "../memory.ts";
import { job } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import { probesFor } from "./candidates.ts";
import { type Comparable, comparable } from "./comparable.ts";
import * as queue from "./pairs.queries.ts";
import { findSimilar, inOrder, isImporting, tenantsWithChanges } from "./queries.ts";
import { likeness, REVIEW_SCORE } from "./scoring.ts";

/** Contacts that are compared with all others at a time: a second's work, and some megabytes. */
const BATCH = 1_000;
const DUE_TIMEOUT_MS = 10_000;

/**
 * Compares the contacts that came or changed with all others of their tenant, and keeps the pairs that
 * are likely one person. Goes on from wherever it was stopped: what is done is no longer in the queue.
 *
 * What comes by an import waits for its end: compared meanwhile, it takes the processor time that the
 * import, and whoever is waiting for an answer, need.
 */
export const findDuplicates = job({
  name: "contacts.findDuplicates",
  input: z.strictObject({}),
  schedule: {
    everyMinutes: 1,
    due: ({ database }) => tenantsWithChanges(database.outsideTenants(Date.now() + DUE_TIMEOUT_MS)),
  },
  async run({ context, tenantId, db, change }) {
    for (;;) {
      context.signal.throwIfAborted();
      if (await isImporting(db, tenantId)) return;
      const queued = await queue.listQueued(db, tenantId, BATCH);
      if (queued.length === 0) return;
      const pairs = await pairsOf(db, tenantId, queued);
      await change(async (transaction) => {
        await queue.replacePairs(
          transaction,
          tenantId,
          queued.map(({ contactId }) => contactId),
          pairs,
        );
        await queue.removeQueued(transaction, tenantId, queued);
        return { output: undefined, audit: [] };
      });
      collectWhenLarge();
    }
  },
});

/**
 * The pairs that these contacts, the first of the queue by id, are in. A pair with one that waits
 * further behind is left to that one, so that a million new contacts are not compared twice. It cannot
 * be lost: whichever of two comes later never leaves it to the other.
 */
async function pairsOf(
  db: Kysely<DB>,
  tenantId: string,
  queued: readonly queue.Queued[],
): Promise<queue.Pair[]> {
  const there = queued.filter((contact) => contact.there);
  const lastId = queued.at(-1)?.contactId ?? null;
  const compared = new Map<string, Comparable>();
  const probes = there.flatMap((contact, number) => {
    const form = comparable(contact);
    compared.set(contact.contactId, form);
    return probesFor(contact, form, number);
  });
  const pairs = new Map<string, queue.Pair>();
  for (const { number, contactId, identity, sharing } of await findSimilar(
    db,
    tenantId,
    probes,
    lastId,
  )) {
    const self = there[number];
    if (self === undefined || self.contactId === contactId) continue;
    const form = compared.get(self.contactId) ?? comparable(self);
    const other = compared.get(contactId) ?? comparable(identity);
    const { score, reasons } = likeness(form, other, sharing);
    if (score < REVIEW_SCORE) continue;
    const ids = inOrder(self.contactId, contactId);
    pairs.set(`${ids.first_id}${ids.second_id}`, { ...ids, score, reasons });
  }
  return [...pairs.values()];
}
