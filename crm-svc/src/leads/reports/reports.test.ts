import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { withClient } from "../../../../tools/local/database.ts";
import { createContact } from "../../../../tools/testing/api/contacts.ts";
import { getLeadMetrics } from "../../../../tools/testing/api/leads.ts";
import { updateTenant } from "../../../../tools/testing/api/users.ts";
import {
  type Case,
  describeForEveryClient,
  malformed,
  testCases,
  unauthenticated,
} from "../../../../tools/testing/cases.ts";
import { startServices } from "../../../../tools/testing/services.ts";
import { PROBABILITIES, stageOf, TRANSITIONS } from "../rules.ts";
import { type LeadStatus, OPEN_STATUSES } from "../schema.ts";
import type { GroupBy, LeadMetrics } from "./schema.ts";

const LEADS = 250;
const DAY = 86_400_000;
const NOW = Date.now();
const SINCE = NOW - 800 * DAY;
/** Clocks are changed there, and their midnight is far from that of UTC. */
const TIME_ZONE = "America/New_York";

/** A lead and all that ever happened to it. */
interface History {
  readonly id: string;
  readonly createdAt: number;
  readonly ways: readonly { readonly to: LeadStatus; readonly at: number }[];
  readonly source: string | null;
  readonly userId: string | null;
  readonly cents: bigint | null;
  readonly currency: string;
  readonly closeAt: number | null;
  readonly probability: number | null;
  readonly deleted: boolean;
}

const cases: readonly Case[] = [
  {
    name: "is for users only",
    as: "nobody",
    operation: getLeadMetrics,
    input: { groupBy: "source" },
    expected: { refusal: unauthenticated },
  },
  {
    name: "refuses a grouping that is not offered",
    operation: getLeadMetrics,
    input: { groupBy: "colour" },
    expected: { refusal: malformed("groupBy invalid_value") },
  },
  {
    name: "refuses a period that ends before it begins",
    operation: getLeadMetrics,
    input: { groupBy: "user", from: "2026-02-01T00:00:00Z", to: "2026-02-01T00:00:00Z" },
    expected: { refusal: malformed("to too_small") },
  },
  {
    name: "answers for a tenant without leads",
    as: "stranger",
    operation: getLeadMetrics,
    input: { groupBy: "month" },
    expected: {
      value: { items: [], cohorts: [], forecast: [], total: { created: 0, winRate: null } },
    },
  },
];

const services = await startServices();

await describeForEveryClient(services, (world) => {
  testCases(world, cases);

  if (world.client.name !== "gRPC") return;

  test("every number is what a second computation over the same histories gives", async () => {
    await world.get(updateTenant, { tenant: { timeZone: TIME_ZONE } });
    const sales = await world.sessionOf("sales");
    const users = [sales.user.id, (await world.sessionOf("manager")).user.id];
    const { id: contactId } = await world.get(createContact, { contact: { lastName: "L" } });
    const histories = generate(users);
    await keep(world.tenant.admin.tenant.id, contactId, histories);
    const [from, to] = [SINCE + 123.4 * DAY, SINCE + 700.1 * DAY].map(
      (at) => new Date(Math.floor(at)),
    );
    for (const groupBy of ["source", "user", "month"] as const) {
      for (const [own, period] of [
        [null, {}],
        [null, { from, to }],
        [sales.user.id, { from }],
      ] as const) {
        const input: JsonObject = { groupBy };
        for (const [name, at] of Object.entries(period)) if (at) input[name] = at.toISOString();
        const session = own === null ? world.tenant.admin : sales;
        // Not by way of the world, which takes every `key` for a secret.
        const token = session.accessToken;
        const told = await world.client.call(getLeadMetrics, input, { token });
        if (!told.ok) throw new Error(JSON.stringify(told));
        const mine = histories.filter(
          ({ deleted, userId }) => !deleted && (own ?? userId) === userId,
        );
        const expected = compute(mine, groupBy, period);
        expect(rounded(told.value)).toEqual(rounded(expected));
      }
    }
  });
});

function generate(users: readonly string[]): History[] {
  const walk = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 60 * DAY })), {
    maxLength: 9,
  });
  const history = fc
    .record({
      createdAt: fc.integer({ min: SINCE, max: NOW - DAY }),
      walk,
      source: fc.option(fc.constantFrom("fair", "web", "call")),
      userId: fc.option(fc.constantFrom(...users)),
      cents: fc.option(fc.bigInt({ min: 0n, max: 10n ** 12n })),
      currency: fc.constantFrom("EUR", "USD"),
      closeAt: fc.option(fc.integer({ min: SINCE, max: NOW + 300 * DAY })),
      probability: fc.option(fc.nat({ max: 100 })),
      deleted: fc.boolean().map((heads) => heads && Math.random() < 0.2),
    })
    .map(({ walk: steps, ...rest }): History => {
      const ways: { to: LeadStatus; at: number }[] = [{ to: "new", at: rest.createdAt }];
      for (const [choice, lasted] of steps) {
        const { to: status, at } = ways.at(-1) ?? { to: "new", at: rest.createdAt };
        const open = status !== "lost" && status !== "won";
        const allowed = [...TRANSITIONS[status], ...(open ? (["won"] as const) : [])];
        const to = allowed[choice % Math.max(allowed.length, 1)];
        if (to === undefined || at + lasted > NOW) break;
        ways.push({ to, at: at + lasted });
      }
      return { id: Bun.randomUUIDv7(), ways, ...rest };
    });
  return fc.sample(history, LEADS);
}

function statusOf({ ways }: History): { status: LeadStatus; since: number } {
  const { to, at } = ways.at(-1) ?? { to: "new", at: 0 };
  return { status: to, since: at };
}

function likelihood(lead: History): number {
  const { status } = statusOf(lead);
  const open = OPEN_STATUSES.some((each) => each === status);
  return (open ? lead.probability : null) ?? PROBABILITIES[status];
}

async function keep(tenantId: string, contactId: string, leads: readonly History[]): Promise<void> {
  const rows = leads.map((lead) => {
    const { status, since } = statusOf(lead);
    return {
      id: lead.id,
      status,
      since: new Date(since),
      created: new Date(lead.createdAt),
      furthest: Math.max(...lead.ways.map(({ to }) => stageOf(to))),
      source: lead.source,
      user_id: lead.userId,
      value: lead.cents === null ? null : decimal(lead.cents),
      currency: lead.cents === null ? null : lead.currency,
      close_at: lead.closeAt === null ? null : new Date(lead.closeAt),
      likelihood: likelihood(lead),
      deleted: lead.deleted ? new Date(NOW) : null,
    };
  });
  await withClient(services.database.ownerUrl, (owner) =>
    owner.query(
      `insert into crm.leads (tenant_id, contact_id, title, lead_id, status, status_since, created_at,
         furthest, source, assigned_user_id, value, currency, expected_close_at, likelihood, deleted_at,
         lost_reason)
       select $1, $2, 'L', id, status, since, created, furthest, source, user_id, value, currency,
         close_at, likelihood, deleted, case when status = 'lost' then 'R' end
       from jsonb_to_recordset($3::jsonb) as rows (id uuid, status text, since timestamptz,
         created timestamptz, furthest smallint, source text, user_id uuid, value numeric,
         currency text, close_at timestamptz, likelihood smallint, deleted timestamptz)`,
      [tenantId, contactId, JSON.stringify(rows)],
    ),
  );
}

const MONTH = new Intl.DateTimeFormat("en-CA", {
  timeZone: TIME_ZONE,
  year: "numeric",
  month: "2-digit",
});
function monthOf(at: number): string {
  const parts = new Map(MONTH.formatToParts(at).map(({ type, value }) => [type, value]));
  return `${parts.get("year")}-${parts.get("month")}`;
}

function monthsBetween(first: string, last: string): number {
  const [year = 0, month = 0] = first.split("-").map(Number);
  const [lastYear = 0, lastMonth = 0] = last.split("-").map(Number);
  return (lastYear - year) * 12 + lastMonth - month;
}

/** The report, made lead by lead. */
function compute(
  all: readonly History[],
  groupBy: GroupBy,
  { from, to }: { readonly from?: Date | undefined; readonly to?: Date | undefined },
): LeadMetrics {
  const leads = all.filter(
    ({ createdAt }) => createdAt >= Number(from ?? 0) && createdAt < Number(to ?? Infinity),
  );
  const keyOf = (lead: History) =>
    groupBy === "source" ? lead.source : groupBy === "user" ? lead.userId : monthOf(lead.createdAt);
  const keys = [...new Set(leads.map(keyOf))].toSorted((one, other) =>
    one === null ? 1 : other === null ? -1 : one < other ? -1 : 1,
  );
  const stages = ["new", "contacted", "qualified", "proposal", "negotiation", "won"] as const;
  const reached = stages.map(
    (_, stage) =>
      leads.filter(({ ways }) => ways.some(({ to: way }) => stages.indexOf(way as "new") >= stage))
        .length,
  );
  const months = [...new Set(leads.map(({ createdAt }) => monthOf(createdAt)))].toSorted();
  return {
    groupBy,
    timeZone: TIME_ZONE,
    items: keys.map((key) =>
      figures(
        key,
        leads.filter((lead) => keyOf(lead) === key),
      ),
    ),
    total: figures(null, leads),
    funnel: stages.map((status, stage) => ({
      status,
      reached: reached[stage] ?? 0,
      rate: stage === 0 ? null : share(reached[stage] ?? 0, reached[stage - 1] ?? 0),
    })),
    cohorts: months.map((month) => {
      const group = leads.filter(({ createdAt }) => monthOf(createdAt) === month);
      const { created, won, lost } = figures(null, group);
      const after = group
        .filter((lead) => statusOf(lead).status === "won")
        .map((lead) => monthsBetween(month, monthOf(statusOf(lead).since)));
      const length = Math.max(-1, ...after) + 1;
      const wonAfterMonths = Array.from(
        { length },
        (_, number) => after.filter((each) => each === number).length,
      );
      return { month, created, won, lost, wonAfterMonths };
    }),
    forecast: forecastOf(all),
  };
}

function figures(key: string | null, leads: readonly History[]): LeadMetrics["total"] {
  const count = (status: LeadStatus) =>
    leads.filter((lead) => statusOf(lead).status === status).length;
  const [won, lost] = [count("won"), count("lost")];
  const days = leads
    .filter((lead) => statusOf(lead).status === "won")
    .map((lead) => (statusOf(lead).since - lead.createdAt) / DAY)
    .toSorted((one, other) => one - other);
  return {
    key,
    created: leads.length,
    open: leads.length - won - lost,
    won,
    lost,
    conversionRate: share(won, leads.length),
    winRate: share(won, won + lost),
    medianCycleDays: percentile(days, 0.5),
    p90CycleDays: percentile(days, 0.9),
  };
}

function percentile(sorted: readonly number[], part: number): number | null {
  if (sorted.length === 0) return null;
  const place = part * (sorted.length - 1);
  const [below = 0, above = below] = sorted.slice(Math.floor(place), Math.floor(place) + 2);
  return below + (above - below) * (place - Math.floor(place));
}

function forecastOf(all: readonly History[]): LeadMetrics["forecast"] {
  const open = all.filter(
    (lead) => lead.cents !== null && OPEN_STATUSES.some((each) => each === statusOf(lead).status),
  );
  const groups = Map.groupBy(open, ({ closeAt, currency }) =>
    JSON.stringify([closeAt === null ? "none" : monthOf(closeAt), currency]),
  );
  // Digits come before letters.
  return [...groups.keys()].toSorted().map((name) => {
    const [month, currency]: [string, string] = JSON.parse(name);
    const group = groups.get(name) ?? [];
    const sum = (of: (cents: bigint, percent: number) => bigint) =>
      group.reduce((whole, lead) => whole + of(lead.cents ?? 0n, likelihood(lead)), 0n);
    const money = (cents: bigint) => ({ amount: decimal(cents), currency });
    return {
      month: month === "none" ? null : month,
      currency,
      count: group.length,
      weighted: money((sum((cents, percent) => cents * BigInt(percent)) + 50n) / 100n),
      best: money(sum((cents) => cents)),
      worst: money(sum((cents, percent) => (percent >= 75 ? cents : 0n))),
    };
  });
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function decimal(cents: bigint): string {
  return `${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;
}

/** Floats that were reached in different ways. */
function rounded(report: LeadMetrics): unknown {
  return JSON.parse(
    JSON.stringify(report, (_, value: unknown) =>
      typeof value === "number" ? Math.round(value * 1e6) / 1e6 : value,
    ),
  );
}
