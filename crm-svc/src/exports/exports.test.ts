import { expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { createContact } from "../../../tools/testing/api/contacts.ts";
import { exportContacts } from "../../../tools/testing/api/exports.ts";
import { setRolePermissions } from "../../../tools/testing/api/users.ts";
import {
  type Case,
  describeForEveryClient,
  expectRefusal,
  forbidden,
  malformed,
  testCases,
  unauthenticated,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";
import { readRecords } from "../csv/read.ts";

const cases: readonly Case[] = [
  {
    name: "export is for users only",
    as: "nobody",
    operation: exportContacts,
    input: {},
    expected: { refusal: unauthenticated },
  },
  {
    name: "sales may not export",
    as: "sales",
    operation: exportContacts,
    input: {},
    expected: { refusal: forbidden },
  },
  {
    name: "export refuses a filter that makes no sense",
    operation: exportContacts,
    input: { filter: { ownerUserId: "me" } },
    expected: { refusal: malformed("ownerUserId invalid_format") },
  },
];

/** By header, of each row of an export. */
async function rowsOf(file: string): Promise<Record<string, string | undefined>[]> {
  async function* bytes() {
    yield Buffer.from(file);
  }
  const [headers, ...rows] = await Array.fromAsync(readRecords(bytes()));
  return rows.map(({ cells }) =>
    Object.fromEntries(headers?.cells.map((header, at) => [header, cells[at]]) ?? []),
  );
}

const services = await startServices();

await describeForEveryClient(services, (world) => {
  testCases(world, cases);

  test("an export holds what a filter lets through, newest first, and nothing that is run", async () => {
    const company = "Exports";
    await world.get(createContact, { contact: { firstName: "=1+1", company, tags: ["a;b", "c"] } });
    const second = await world.get(createContact, { contact: { lastName: 'Zwei\n"2"', company } });
    await world.get(createContact, { contact: { lastName: "Other", company: "None" } });
    await world.get(
      createContact,
      { contact: { lastName: "Theirs", company } },
      { as: "stranger" },
    );
    const file = await world.get(exportContacts, { filter: { company } });
    // Not all clients hand the byte order mark on.
    expect(file.replace("\ufeff", "")).toStartWith("id,firstName,lastName,email,");
    expect(file).toEndWith("\r\n");
    expect(await rowsOf(file)).toMatchObject([
      { id: second.id, lastName: 'Zwei\n"2"', firstName: "", createdAt: second.createdAt },
      { firstName: "'=1+1", tags: "a\\;b;c", company },
    ]);
  });

  test("an export without contacts is a line of headers", async () => {
    const file = await world.get(exportContacts, { filter: { company: "Nobody's" } });
    expect(file.split("\r\n")).toHaveLength(2);
  });

  test("an export shows no more than its user may read", async () => {
    const company = "Readable";
    const userWith = async (permissions: { action: string; scope: string }[]) => {
      const named = permissions.map((each) => ({ ...each, resource: "contacts" }));
      await world.get(setRolePermissions, { role: "manager", permissions: named });
      return world.tenant.addUser("manager");
    };
    const exporting = { action: "export", scope: "all" };
    const reader = await userWith([exporting, { action: "read", scope: "own" }]);
    const ownerUserId = reader.user.id;
    await world.get(createContact, { contact: { lastName: "Own", company, ownerUserId } });
    await world.get(createContact, { contact: { lastName: "Other", company } });
    const filter = { company };
    const file = await world.get(exportContacts, { filter }, { token: reader.accessToken });
    expect(await rowsOf(file)).toMatchObject([{ lastName: "Own" }]);
    expect(await rowsOf(await world.get(exportContacts, { filter }))).toHaveLength(2);

    const { accessToken: token } = await userWith([exporting]);
    const refusal = await world.call(exportContacts, { filter }, { token });
    expectRefusal(world, refusal, forbidden);
    expect(refusal).toMatchObject({ facts: { permission: "contacts:read" } });
  });

  test("it is audited when it begins and how it ended", async () => {
    const { user } = await world.sessionOf("marketing");
    await world.get(exportContacts, { filter: { company: "Nobody's" } }, { as: "marketing" });
    const entries = await withClient(services.database.ownerUrl, async (owner) => {
      const { rows } = await owner.query(
        `SELECT action, after FROM crm.audit_log WHERE entity = 'contactExport' AND actor_id = $1
         ORDER BY audit_id`,
        [user.id],
      );
      return rows;
    });
    expect(entries).toEqual([
      { action: "started", after: { filter: { company: "Nobody's" } } },
      { action: "ended", after: { rows: 0, complete: true } },
    ]);
  });
});
