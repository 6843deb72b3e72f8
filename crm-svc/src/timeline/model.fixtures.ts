import fc from "fast-check";
import type { Figures } from "../interactions/metrics/schema.ts";
import type { Interaction } from "../interactions/schema.ts";

// What the services are driven with, and a model of what they should know then.

const at = fc
  .record({
    // Around changes of clocks, and few enough minutes for some to be equal.
    day: fc.constantFrom(
      "2025-03-08",
      "2025-03-09",
      "2025-03-30",
      "2025-10-26",
      "2025-11-02",
      "2026-01-01",
    ),
    hour: fc.integer({ min: 0, max: 23 }),
    minute: fc.constantFrom(0, 30),
  })
  .map(
    ({ day, hour, minute }) =>
      `${day}T${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}:00.000Z`,
  );
const kind = fc.constantFrom(
  { type: "call", outcome: "connected" },
  { type: "call", outcome: "busy" },
  { type: "call" },
  { type: "meeting", outcome: "held" },
  { type: "email", outcome: "sent" },
  { type: "note" },
);
const index = fc.nat(50);
/** What somebody may do; numbers stand for one of those that there are. */
export const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("log" as const),
      who: index,
      contact: index,
      kind,
      at,
      seconds: fc.option(fc.integer({ min: 0, max: 9 })),
      direction: fc.constantFrom("inbound", "outbound", null),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("change" as const),
      interaction: index,
      at,
      contact: index,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove" as const), interaction: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("dismiss" as const), interaction: index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rename" as const), contact: index }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("merge" as const), contact: index, source: index }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("part" as const) }) },
);
export type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never;

/** A contact. */
export interface Person {
  readonly id: string;
  mergedInto: Person | null;
  /** Oldest first. */
  readonly told: string[];
}

export interface Merge {
  readonly id: string;
  readonly target: Person;
  readonly source: Person;
  readonly moved: readonly string[];
}

/** What the services should know. */
export class Model {
  readonly people: Person[] = [];
  readonly interactions = new Map<string, Interaction>();
  readonly merges: Merge[] = [];

  there(): Person[] {
    return this.people.filter(({ mergedInto }) => mergedInto === null);
  }

  of({ id }: Person): Interaction[] {
    return [...this.interactions.values()].filter(({ contactId }) => contactId === id);
  }

  /** A person and who is part of them, with what is told of each there. */
  told(person: Person): string[] {
    const parts = this.people.filter(({ mergedInto }) => mergedInto === person);
    const ofPart = (part: Person): string[] => [
      ...part.told.filter((entry) => !entry.endsWith("merged_away")),
      ...this.people.filter(({ mergedInto }) => mergedInto === part).flatMap(ofPart),
    ];
    return [...person.told, ...parts.flatMap(ofPart)];
  }
}

/** One of some, by a number; undefined if there is none. */
export const pick = <Item>(items: readonly Item[], number: number): Item | undefined =>
  items[number % Math.max(items.length, 1)];

/** The local date by ICU, whose tables of time zones are not PostgreSQL's. */
export function groupOf(
  groupBy: string,
  timeZone: string,
  interaction: Interaction,
): string | null {
  switch (groupBy) {
    case "type":
      return interaction.type;
    case "user":
      return interaction.userId;
    case "outcome":
      return interaction.outcome;
    case "direction":
      return interaction.direction;
  }
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" });
  const day = format.format(new Date(interaction.occurredAt));
  if (groupBy === "day") return day;
  if (groupBy === "month") return day.slice(0, 7);
  // ISO 8601: a week belongs to the year of its Thursday.
  const thursday = new Date(`${day}T00:00:00Z`);
  thursday.setUTCDate(thursday.getUTCDate() - ((thursday.getUTCDay() + 6) % 7) + 3);
  const newYear = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = 1 + Math.floor((thursday.getTime() - newYear) / (7 * 86_400_000));
  return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, "0")}`;
}

/** The figures of a group. */
export function figuresOf(group: string | null, of: readonly Interaction[]): Figures {
  const seconds = of
    .flatMap(({ durationSeconds }) => durationSeconds ?? [])
    .toSorted((one, other) => one - other);
  const total = seconds.reduce((sum, each) => sum + each, 0);
  const middle = [(seconds.length - 1) >> 1, seconds.length >> 1].map(
    (place) => seconds[place] ?? 0,
  );
  const ended = Map.groupBy(
    of.flatMap(({ outcome }) => outcome ?? []),
    (outcome) => outcome,
  );
  const all = [...ended.values()].flat().length;
  return {
    group,
    count: of.length,
    durationSeconds: {
      count: seconds.length,
      total,
      average: seconds.length === 0 ? null : total / seconds.length,
      median: seconds.length === 0 ? null : ((middle[0] ?? 0) + (middle[1] ?? 0)) / 2,
    },
    outcomes: [...ended]
      .map(([outcome, { length }]) => ({ outcome, count: length, rate: length / all }))
      .toSorted((one, other) => other.count - one.count || (one.outcome < other.outcome ? -1 : 1)),
  };
}
