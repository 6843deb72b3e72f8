import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { withClient } from "../../../tools/local/database.ts";
import { listCrmAudit } from "../../../tools/testing/api/audit.ts";
import {
  createContact,
  deleteContact,
  updateContact,
} from "../../../tools/testing/api/contacts.ts";
import {
  type Case,
  describeForEveryClient,
  forbidden,
  malformed,
  testCases,
  unauthenticated,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const refusals: readonly Case[] = [
  ...(["manager", "sales", "marketing"] as const).map(
    (as): Case => ({
      name: `${as} may not look at the audit log`,
      as,
      operation: listCrmAudit,
      input: {},
      expected: { refusal: forbidden },
    }),
  ),
  {
    name: "the audit log is for nobody who is not signed in",
    as: "nobody",
    operation: listCrmAudit,
    input: {},
    expected: { refusal: unauthenticated },
  },
  {
    name: "an id that cannot be one is refused",
    operation: listCrmAudit,
    input: { entityId: "1", actorId: "me" },
    expected: { refusal: malformed("entityId invalid_format", "actorId invalid_format") },
  },
];

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const list = async (filter: JsonObject) => (await world.get(listCrmAudit, filter)).items;

  testCases(world, refusals);

  test("what is done to a contact is there: before, after, who and in which request", async () => {
    const created = await world.call(createContact, { contact: { firstName: "Ada" } });
    if (!created.ok) throw new Error(JSON.stringify(created));
    const { id } = created.value;
    const change = { id, contact: { custom: {}, title: "Dr" } };
    const after = await world.get(updateContact, change, { as: "sales" });
    await world.get(deleteContact, { id });

    const entries = await list({ entity: "contact", entityId: id });
    expect(entries.map(({ action, before, after }) => ({ action, before, after }))).toEqual([
      { action: "deleted", before: after, after: null },
      { action: "updated", before: { title: null }, after: { title: "Dr" } },
      { action: "created", before: null, after: created.value },
    ]);
    expect(entries.at(-1)?.requestId).toBe(String(created.headers.get("x-request-id")));

    const sales = await world.sessionOf("sales");
    const byThem = { entityId: id, actorId: sales.user.id };
    expect((await list(byThem)).map(({ action }) => action)).toEqual(["updated"]);
    expect(await list({ entityId: id, action: "deleted" })).toHaveLength(1);
    expect(await list({ entityId: id, to: String(entries.at(-1)?.occurredAt) })).toEqual([]);
    expect(await world.get(listCrmAudit, { entityId: id }, { as: "stranger" })).toEqual({
      items: [],
      nextCursor: null,
    });
  });

  test("it is in pages, newest first", async () => {
    const all = await list({ limit: 100 });
    const paged: unknown[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: { items: unknown[]; nextCursor: string | null } = await world.get(listCrmAudit, {
        limit: 2,
        ...(cursor && { cursor }),
      });
      paged.push(...page.items);
      cursor = page.nextCursor;
    }
    expect(paged).toEqual(all);
    const times = all.map(({ occurredAt }) => occurredAt);
    expect(times).toEqual(times.toSorted().toReversed());
  });
});

test("the application can neither change nor delete what is in the log", async () => {
  for (const statement of [
    "UPDATE crm.audit_log SET action = 'nothing'",
    "DELETE FROM crm.audit_log",
    "TRUNCATE crm.audit_log",
  ]) {
    const attempt = withClient(services.database.appUrl, (app) => app.query(statement));
    await expect(attempt).rejects.toThrow("permission denied");
  }
});
