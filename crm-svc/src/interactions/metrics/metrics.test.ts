import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { withClient } from "../../../../tools/local/database.ts";
import { createContact } from "../../../../tools/testing/api/contacts.ts";
import {
  createInteraction,
  deleteInteraction,
  getInteractionMetrics,
} from "../../../../tools/testing/api/interactions.ts";
import {
  type Case,
  describeForEveryClient,
  malformed,
  testCases,
  unauthenticated,
} from "../../../../tools/testing/cases.ts";
import { startServices } from "../../../../tools/testing/services.ts";

const NOBODYS_ID = Bun.randomUUIDv7();

const cases: readonly Case[] = [
  {
    name: "is for users only",
    as: "nobody",
    operation: getInteractionMetrics,
    input: { groupBy: "type" },
    expected: { refusal: unauthenticated },
  },
  {
    name: "refuses a grouping that is not offered",
    operation: getInteractionMetrics,
    input: { groupBy: "year" },
    expected: { refusal: malformed("groupBy invalid_value") },
  },
  {
    name: "refuses a period that ends before it begins",
    operation: getInteractionMetrics,
    input: { groupBy: "day", from: "2026-02-01T00:00:00Z", to: "2026-01-01T00:00:00Z" },
    expected: { refusal: malformed("to too_small") },
  },
  ...(["type", "user", "outcome", "direction", "day", "week", "month"] as const).map(
    (groupBy): Case => ({
      name: `tells nothing by ${groupBy} where there is nothing`,
      operation: getInteractionMetrics,
      input: { groupBy, userId: NOBODYS_ID },
      expected: {
        value: {
          groupBy,
          items: [],
          total: {
            group: null,
            count: 0,
            durationSeconds: { count: 0, total: 0, average: null, median: null },
            outcomes: [],
          },
        },
      },
    }),
  ),
];

const services = await startServices();

await describeForEveryClient(services, (world) => {
  testCases(world, cases);

  const tenantId = world.tenant.admin.tenant.id;
  const setTimeZone = (timeZone: string) =>
    withClient(services.database.ownerUrl, (owner) =>
      owner.query("UPDATE identity.tenants SET time_zone = $2 WHERE tenant_id = $1", [
        tenantId,
        timeZone,
      ]),
    );
  const log = (interaction: JsonObject, as: "admin" | "sales" = "admin") =>
    world.get(createInteraction, { interaction: { type: "call", ...interaction } }, { as });
  const counts = async (input: JsonObject, as: "admin" | "sales" = "admin") => {
    const { items } = await world.get(getInteractionMetrics, input, { as });
    return Object.fromEntries(items.map(({ group, count }) => [group ?? "none", count]));
  };

  test("counts, adds up durations, and tells how often they end in which way", async () => {
    const { id: contactId } = await world.get(createContact, { contact: { lastName: "Measured" } });
    const { user: sales } = await world.sessionOf("sales");
    const at = { occurredAt: "2026-02-03T10:00:00Z", direction: "outbound" };
    await log({ ...at, contactId, outcome: "connected", durationSeconds: 10 });
    await log({ ...at, outcome: "connected", durationSeconds: 40 });
    await log({ ...at, outcome: "busy", direction: "inbound" }, "sales");
    await log({ ...at, outcome: "connected", durationSeconds: 20 }, "sales");
    await log({ ...at, durationSeconds: 1_000 });
    await log({ type: "note", occurredAt: at.occurredAt });
    const { id } = await log({ ...at, outcome: "busy", durationSeconds: 9_999 });
    await world.get(deleteInteraction, { id });
    await log({ type: "note", occurredAt: "2026-03-03T10:00:00Z" });

    const february = { from: "2026-02-01T00:00:00Z", to: "2026-03-01T00:00:00Z" };
    const call = {
      group: "call",
      count: 5,
      durationSeconds: { count: 4, total: 1_070, average: 267.5, median: 30 },
      outcomes: [
        { outcome: "connected", count: 3, rate: 0.75 },
        { outcome: "busy", count: 1, rate: 0.25 },
      ],
    };
    const none = { count: 0, total: 0, average: null, median: null };
    const note = { group: "note", count: 1, durationSeconds: none, outcomes: [] };
    const byType = await world.get(getInteractionMetrics, { groupBy: "type", ...february });
    expect(byType.items).toEqual([call, note]);
    expect(byType.total).toEqual({ ...call, group: null, count: 6 });

    expect(await counts({ groupBy: "outcome", ...february })).toEqual({
      busy: 1,
      connected: 3,
      none: 2,
    });
    expect(await counts({ groupBy: "direction", ...february })).toEqual({
      inbound: 1,
      outbound: 4,
      none: 1,
    });
    const byUser = { groupBy: "user", ...february };
    const { user: admin } = world.tenant.admin;
    expect(await counts(byUser)).toEqual({ [admin.id]: 4, [sales.id]: 2 });
    expect(await counts({ ...byUser, type: "call", outcome: "connected" })).toEqual({
      [admin.id]: 2,
      [sales.id]: 1,
    });
    expect(await counts({ ...byUser, contactId })).toEqual({ [admin.id]: 1 });
    expect(await counts({ ...byUser, userId: "me", direction: "inbound" }, "sales")).toEqual({
      [sales.id]: 1,
    });
    // Sales see their own, whatever they ask for.
    expect(await counts(byUser, "sales")).toEqual({ [sales.id]: 2 });
    expect(await counts({ ...byUser, userId: admin.id }, "sales")).toEqual({});
  });

  test("days, weeks and months begin in the company's time zone, also where clocks change", async () => {
    // In Havana they are set forward at midnight, and back at one o'clock, so that midnight comes twice.
    const moments = {
      "2025-03-08": ["2025-03-09T04:59:59.999Z"],
      "2025-03-09": ["2025-03-09T05:00:00Z", "2025-03-10T03:59:59.999Z"],
      "2025-03-10": ["2025-03-10T04:00:00Z"],
      "2025-11-01": ["2025-11-02T03:59:59.999Z"],
      "2025-11-02": [
        "2025-11-02T04:00:00Z",
        "2025-11-02T04:30:00Z",
        "2025-11-02T05:00:00Z",
        "2025-11-03T04:59:59.999Z",
      ],
      "2025-11-03": ["2025-11-03T05:00:00Z"],
      "2025-12-31": ["2026-01-01T04:59:59.999Z"],
      "2026-01-01": ["2026-01-01T05:00:00Z"],
    };
    for (const occurredAt of Object.values(moments).flat()) await log({ type: "sms", occurredAt });
    const days = Object.fromEntries(
      Object.entries(moments).map(([day, within]) => [day, within.length]),
    );
    const input = { type: "sms", from: "2025-01-01T00:00:00Z" };
    await setTimeZone("America/Havana");
    expect(await counts({ groupBy: "day", ...input })).toEqual(days);
    expect(await counts({ groupBy: "week", ...input })).toEqual({
      "2025-W10": 3,
      "2025-W11": 1,
      "2025-W44": 5,
      "2025-W45": 1,
      "2026-W01": 2,
    });
    expect(await counts({ groupBy: "month", ...input })).toEqual({
      "2025-03": 4,
      "2025-11": 6,
      "2025-12": 1,
      "2026-01": 1,
    });
    const ever = { from: "0001-01-01T00:00:00Z", to: "9999-12-31T00:00:00Z" };
    expect(await counts({ groupBy: "month", type: "sms", ...ever })).toEqual(
      await counts({ groupBy: "month", type: "sms" }),
    );
    await setTimeZone("Asia/Kolkata");
    expect(await counts({ groupBy: "day", ...input, to: "2025-03-09T18:30:00Z" })).toEqual({
      "2025-03-09": 2,
    });
    const { timeZone } = await world.get(getInteractionMetrics, { groupBy: "day", ...input });
    expect(timeZone).toBe("Asia/Kolkata");
  });
});
