import { expect, test } from "bun:test";
import { createContact, getContact, updateContact } from "../../../tools/testing/api/contacts.ts";
import {
  describeForEveryClient,
  expectRefusal,
  invalid,
  malformed,
  notFound,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const FULL = {
  firstName: "Grace",
  lastName: "Hopper",
  phone: "+1 202 555 0143",
  company: "Navy",
  title: "Rear Admiral",
  website: "https://navy.example",
  address: {
    street: "1 Dock St",
    city: "Arlington",
    region: "VA",
    postalCode: "22202",
    country: "US",
  },
  tags: ["cobol", "admiral"],
  source: "fair",
  lifecycleStage: "customer",
};

const stale = { kind: "stale", code: "version_mismatch" } as const;

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const addFull = () => world.get(createContact, { contact: FULL, allowDuplicate: true });

  test("update changes what is named and keeps the rest", async () => {
    const before = await addFull();
    const change = { lastName: " Murray  ", tags: ["x"], lifecycleStage: "former" };
    const after = await world.get(updateContact, { id: before.id, contact: change });
    expect(after).toEqual({
      ...before,
      lastName: "Murray",
      tags: ["x"],
      lifecycleStage: "former",
      version: 2,
      updatedAt: after.updatedAt,
    });
    expect(after.updatedAt >= before.updatedAt).toBe(true);
    expect(await world.get(getContact, { id: before.id })).toEqual(after);
  });

  test("null clears a field to what a new contact has", async () => {
    const { id } = await addFull();
    const nulls = Object.fromEntries(Object.keys(FULL).map((name) => [name, null]));
    const contact = { ...nulls, lastName: "Hopper", ownerUserId: null };
    expect(await world.get(updateContact, { id, contact })).toMatchObject({
      ...contact,
      tags: [],
      lifecycleStage: "lead",
    });
  });

  test("the address changes part by part", async () => {
    const { id } = await addFull();
    const moved = await world.get(updateContact, {
      id,
      contact: { address: { city: "Boston", region: null } },
    });
    expect(moved.address).toEqual({ ...FULL.address, city: "Boston", region: null });
    const none = { street: null, city: null, region: null, postalCode: null, country: null };
    expect((await world.get(updateContact, { id, contact: { address: none } })).address).toBeNull();
    const again = await world.get(updateContact, { id, contact: { address: { city: "Ulm" } } });
    expect(again.address).toEqual({ ...none, city: "Ulm" });
    expect((await world.get(updateContact, { id, contact: { address: null } })).address).toBeNull();
  });

  test("what changes nothing is no new version", async () => {
    const before = await addFull();
    const contact = { firstName: " Grace ", tags: FULL.tags, address: { country: "us" } };
    expect(await world.get(updateContact, { id: before.id, contact })).toEqual(before);
    expect(await world.get(updateContact, { id: before.id, contact: {} })).toEqual(before);
  });

  test("a change on an old version is refused and tells the current one", async () => {
    const { id } = await addFull();
    await world.get(updateContact, { id, contact: { title: "a" }, expectedVersion: 1 });
    const outcome = await world.call(updateContact, {
      id,
      contact: { title: "b" },
      expectedVersion: 1,
    });
    expectRefusal(world, outcome, stale);
    expect(outcome).toMatchObject({ facts: { currentVersion: "2" } });
    await world.get(updateContact, { id, contact: { title: "c" }, expectedVersion: 2 });
  });

  test("of ten changes on the same version, one is made", async () => {
    const { id } = await addFull();
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        world.call(updateContact, { id, contact: { title: `${at}` }, expectedVersion: 1 }),
      ),
    );
    const refused = outcomes.filter((outcome) => !outcome.ok);
    for (const outcome of refused) expectRefusal(world, outcome, stale);
    expect(refused).toHaveLength(9);
    expect((await world.get(getContact, { id })).version).toBe(2);
  });

  test("of ten changes on any version, all are made one after the other", async () => {
    const { id } = await addFull();
    const versions = await Promise.all(
      Array.from({ length: 10 }, async (_, at) => {
        const { version } = await world.get(updateContact, { id, contact: { title: `${at}` } });
        return version;
      }),
    );
    expect(versions.toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  test("update refuses what create would, and changes nothing then", async () => {
    const before = await addFull();
    const { id } = before;
    for (const [contact, fields] of [
      [{ email: "nonsense" }, ["email invalid_format"]],
      [{ address: { city: "c".repeat(101) } }, ["address.city too_big"]],
      [{ title: "ok", phone: "\0" }, ["phone nul"]],
      [{ firstName: null, lastName: null, company: null }, [" required"]],
      [{ firstName: "  " }, ["firstName too_small"]],
    ] as const) {
      expectRefusal(world, await world.call(updateContact, { id, contact }), invalid(...fields));
    }
    const ownerUserId = Bun.randomUUIDv7();
    const nobodys = await world.call(updateContact, { id, contact: { ownerUserId } });
    expectRefusal(world, nobodys, { ...notFound, fields: ["ownerUserId not_found"] });
    const zero = await world.call(updateContact, { id, contact: {}, expectedVersion: 0 });
    expectRefusal(world, zero, malformed("expectedVersion too_small"));
    expect(await world.get(getContact, { id })).toEqual(before);
  });
});
