import { afterAll, expect, test } from "bun:test";
import fc from "fast-check";
import { withClient } from "../../../tools/local/database.ts";
import { createContact, getContact, updateContact } from "../../../tools/testing/api/contacts.ts";
import { mergeContacts, undoMerge } from "../../../tools/testing/api/merges.ts";
import type { ApiOperation } from "../../../tools/testing/api/operation.ts";
import { openClients } from "../../../tools/testing/clients/all.ts";
import { startServices } from "../../../tools/testing/services.ts";

const services = await startServices();
const { admin } = await services.newTenant();
const clients = openClients(services);
const [client] = clients;

afterAll(async () => {
  for (const each of clients) each.close();
  await services.stop();
});

async function get<Value>(
  operation: ApiOperation<Value>,
  input: Parameters<NonNullable<typeof client>["call"]>[1],
): Promise<Value> {
  const outcome = await client?.call(operation, input, { token: admin.accessToken });
  if (outcome?.ok) return outcome.value;
  throw new Error(`${operation.method.name} was refused: ${JSON.stringify(outcome)}`);
}

const word = fc.constantFrom("Ada", "Bea", "Cleo", "D.", "Dora", "Eve");
const fields = {
  firstName: fc.option(word),
  company: fc.option(word),
  title: fc.option(word),
  phone: fc.option(fc.constantFrom("+49 731 155501", "+44 20 7946 0001", "+1 312 555 0199")),
  address: fc.option(fc.record({ city: word, street: fc.option(word) })),
  lifecycleStage: fc.constantFrom("lead", "customer", "former", "qualified"),
  tags: fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 4 }),
};
const contact = fc.record({ ...fields, lastName: word });
const edit = fc.record(fields, { requiredKeys: [] });

/** A merge of contacts by their places, and what somebody does to the target before it is undone. */
const scenario = fc.record({
  contacts: fc.array(contact, { minLength: 3, maxLength: 6 }),
  // Each merges the last contact that is left into another; the places are taken modulo those left.
  merges: fc.array(fc.record({ into: fc.nat(9), sources: fc.nat(1), choose: fc.boolean() }), {
    minLength: 1,
    maxLength: 3,
  }),
  edit: fc.option(edit),
});

/** The values of contacts, and whose their interactions are. */
async function stateOf(ids: readonly string[]) {
  const holders = await withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ id: string; holder: string }>(
      `SELECT interaction_id AS id, contact_id AS holder FROM crm.interactions
       WHERE interaction_id = ANY ($1) ORDER BY 1`,
      [ids],
    );
    return rows;
  });
  const values = await Promise.all(
    ids.map(async (id) => {
      const { version, updatedAt, ...rest } = await get(getContact, { id });
      return rest;
    }),
  );
  return { holders, values };
}

/** A phone and how it was written are one value. */
function wholeValue(values: object | undefined, name: string): unknown {
  const names = name === "phoneOriginal" ? ["phone", name] : [name];
  return names.map((each): unknown => Reflect.get(values ?? {}, each));
}

test("undone in turn, merges leave everything as it was, but for what was edited since", async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ contacts, merges, edit: change }) => {
      const ids: string[] = [];
      for (const each of contacts) {
        ids.push((await get(createContact, { contact: each, allowDuplicate: true })).id);
      }
      // An interaction has the id of the contact that it is with at first.
      await withClient(services.database.ownerUrl, (owner) =>
        owner.query(
          `INSERT INTO crm.interactions (tenant_id, interaction_id, contact_id, type, occurred_at)
             SELECT $1, id, id, 'note', now() FROM unnest($2::uuid[]) AS id`,
          [admin.tenant.id, ids],
        ),
      );
      const former = await stateOf(ids);

      const left = [...ids];
      const done: { mergeId: string; id: string }[] = [];
      for (const { into, sources, choose } of merges) {
        const sourceIds = left.splice(-(sources + 1));
        const id = left[into % Math.max(left.length, 1)];
        if (id === undefined) break;
        const { mergeId } = await get(mergeContacts, {
          id,
          sourceIds,
          choose: choose ? { title: sourceIds[0] ?? id, address: id } : {},
        });
        done.push({ mergeId, id });
      }
      const last = done.at(-1);
      const merged = last && (await get(getContact, { id: last.id }));
      const edited =
        last && change !== null
          ? await get(updateContact, { id: last.id, contact: change, allowDuplicate: true })
          : merged;
      for (const { mergeId } of done.toReversed()) await get(undoMerge, { id: mergeId });

      const state = await stateOf(ids);
      expect(state.holders).toEqual(former.holders);
      for (const [at, id] of ids.entries()) {
        const [now = {}, then = {}] = [state.values[at], former.values[at]];
        for (const name of Object.keys(now)) {
          const isEdited =
            id === last?.id && !Bun.deepEquals(wholeValue(merged, name), wholeValue(edited, name));
          // Of tags those that a merge brought go one by one; see merges.test.ts.
          if (isEdited && name === "tags") continue;
          const expected = wholeValue(isEdited ? edited : then, name);
          expect([name, wholeValue(now, name)]).toEqual([name, expected]);
        }
      }
    }),
    { numRuns: 15 },
  );
}, 120_000);
