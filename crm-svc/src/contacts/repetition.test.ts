import { expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import {
  createContact,
  deleteContact,
  listContacts,
  updateContact,
} from "../../../tools/testing/api/contacts.ts";
import {
  describeForEveryClient,
  expectRefusal,
  invalid,
  type World,
} from "../../../tools/testing/cases.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { startServices } from "../../../tools/testing/services.ts";

const duplicate = { kind: "duplicate", code: "duplicate_contact" } as const;
const inFlight = { kind: "inFlight", code: "idempotency_key_in_flight" } as const;
const reused = { kind: "invalid", code: "idempotency_key_reused" } as const;
const badKey = { kind: "malformed", code: "invalid_idempotency_key" } as const;

const services = await startServices();

const newKey = (): string => `key-${Bun.randomUUIDv7()}`;

async function count(world: World, lastName: string): Promise<number> {
  const { items } = await world.get(listContacts, { limit: 100 });
  return items.filter((item) => item.lastName === lastName).length;
}

await describeForEveryClient(services, (world) => {
  test("the same key and input gives the former answer, and does nothing", async () => {
    const idempotencyKey = newKey();
    const input = { contact: { lastName: "Once", email: "once@x.example" } };
    const first = await world.call(createContact, input, { idempotencyKey });
    const second = await world.call(createContact, input, { idempotencyKey });
    if (!first.ok || !second.ok) throw new Error(JSON.stringify([first, second]));
    expect(JSON.stringify(second.value)).toBe(JSON.stringify(first.value));
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await count(world, "Once")).toBe(1);
    // Even after the contact has changed.
    await world.get(updateContact, { id: first.value.id, contact: { title: "Dr" } });
    expect(await world.get(createContact, input, { idempotencyKey })).toEqual(first.value);
  });

  test("a key is good for one request of one user", async () => {
    const idempotencyKey = newKey();
    const { id } = await world.get(
      createContact,
      { contact: { lastName: "Key" } },
      { idempotencyKey },
    );
    for (const outcome of [
      await world.call(createContact, { contact: { lastName: "Other" } }, { idempotencyKey }),
      await world.call(updateContact, { id, contact: { lastName: "Key" } }, { idempotencyKey }),
      await world.call(deleteContact, { id }, { idempotencyKey }),
    ]) {
      expectRefusal(world, outcome, reused);
    }
    const contact = { lastName: "Key" };
    for (const as of ["sales", "stranger"] as const) {
      const other = await world.get(createContact, { contact }, { idempotencyKey, as });
      expect(other.id).not.toBe(id);
    }
  });

  test("changing and deleting take a key too", async () => {
    const { id } = await world.get(createContact, { contact: { lastName: "Changing" } });
    const change = { id, contact: { lastName: "Changed" }, expectedVersion: 1 };
    const keys = { change: newKey(), deletion: newKey() };
    const changed = await world.get(updateContact, change, { idempotencyKey: keys.change });
    await world.get(updateContact, { id, contact: { title: "x" } });
    const again = await world.get(updateContact, change, { idempotencyKey: keys.change });
    expect(again).toEqual(changed);
    await world.get(deleteContact, { id }, { idempotencyKey: keys.deletion });
    await world.get(deleteContact, { id }, { idempotencyKey: keys.deletion });
  });

  test("a request that was refused may be corrected under the same key", async () => {
    const idempotencyKey = newKey();
    const refused = await world.call(createContact, { contact: {} }, { idempotencyKey });
    expectRefusal(world, refused, invalid(" required"));
    const contact = { lastName: "Corrected" };
    const taken = { ...contact, email: "taken@x.example" };
    await world.get(createContact, { contact: taken });
    const twice = await world.call(createContact, { contact: taken }, { idempotencyKey });
    expectRefusal(world, twice, duplicate);
    await world.get(createContact, { contact }, { idempotencyKey });
  });

  test("while a key's request is worked on, another with the key is told to wait", async () => {
    const idempotencyKey = newKey();
    const input = { contact: { lastName: "Slow" } };
    const first = await withClient(services.database.ownerUrl, async (owner) => {
      await owner.query("BEGIN");
      await owner.query("LOCK TABLE crm.contacts IN EXCLUSIVE MODE");
      const slow = world.call(createContact, input, { idempotencyKey });
      await eventually(async () => {
        const { rowCount } = await owner.query(
          "SELECT FROM pg_locks WHERE relation = 'crm.contacts'::regclass AND NOT granted",
        );
        return rowCount === 1;
      }, 8_000);
      const meanwhile = await world.call(createContact, input, { idempotencyKey });
      expectRefusal(world, meanwhile, inFlight);
      await owner.query("COMMIT");
      return slow;
    });
    if (!first.ok) throw new Error(JSON.stringify(first));
    expect(await world.get(createContact, input, { idempotencyKey })).toEqual(first.value);
    expect(await count(world, "Slow")).toBe(1);
  });

  test("of ten at once with the same key, one is worked on", async () => {
    const idempotencyKey = newKey();
    const input = { contact: { lastName: "Burst" } };
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => world.call(createContact, input, { idempotencyKey })),
    );
    const ids = new Set(outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value.id] : [])));
    expect(ids.size).toBe(1);
    for (const outcome of outcomes) if (!outcome.ok) expectRefusal(world, outcome, inFlight);
    expect(await count(world, "Burst")).toBe(1);
  });

  test.each([
    ["with spaces", "a b"],
    ["that is too long", "k".repeat(256)],
  ])("a key %s is refused", async (_, idempotencyKey) => {
    const input = { contact: { lastName: "Bad Key" } };
    expectRefusal(world, await world.call(createContact, input, { idempotencyKey }), badKey);
    expect(await count(world, "Bad Key")).toBe(0);
  });

  test("a key may have 255 characters", async () => {
    const idempotencyKey = newKey().padEnd(255, "!~");
    await world.get(createContact, { contact: { lastName: "Long" } }, { idempotencyKey });
  });

  test("a contact with a known e-mail address is likely a duplicate", async () => {
    const contact = { lastName: "Double", email: "double@x.example" };
    const { id } = await world.get(createContact, { contact });
    const again = { lastName: "Other", email: " DOUBLE@x.example" };
    const outcome = await world.call(createContact, { contact: again });
    expectRefusal(world, outcome, duplicate);
    const candidates = outcome.ok ? "" : outcome.facts["candidates"];
    expect(JSON.parse(candidates ?? "")).toMatchObject([{ id, reasons: ["email"] }]);

    const second = await world.get(createContact, { contact: again, allowDuplicate: true });
    expect(second.email).toBe(contact.email);
    await world.get(createContact, { contact }, { as: "stranger" });
    await world.get(deleteContact, { id });
    await world.get(deleteContact, { id: second.id });
    await world.get(createContact, { contact });
  });

  test("of twenty contacts with the same e-mail address at once, one is added", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        world.call(createContact, { contact: { firstName: `${at}`, email: "rush@x.example" } }),
      ),
    );
    const refused = outcomes.filter((outcome) => !outcome.ok);
    for (const outcome of refused) expectRefusal(world, outcome, duplicate);
    expect(refused).toHaveLength(19);
  });
});
