import {
  CONTACT_FACTS,
  type Contacted,
  SCORE_RULES,
  type ScoreFacts,
  type ScorePart,
  type ScoreRule,
  type Scoring,
} from "./schema.ts";

/** What of a rule's points a lead has, 0 to 1, and why. */
interface Share {
  readonly share: number;
  readonly reason: string;
}

/** How much an interaction tells of interest; coming from them, it tells twice as much. */
const KINDS: Readonly<Record<string, number>> = {
  meeting: 3,
  call: 2,
  chat: 1,
  email: 1,
  sms: 0.5,
  task: 0.5,
  note: 0.25,
  other: 0.5,
};
/** So much of it is half of what engagement can give; each further so much, half of the rest. */
const HALF_ENGAGED = 4;

const STAGES: Readonly<Record<string, number>> = {
  new: 0.2,
  contacted: 0.4,
  qualified: 0.6,
  proposal: 0.8,
  negotiation: 1,
  won: 1,
  lost: 0,
};
/** After so many days in its status a lead begins to lose; every so many more, a half. */
const STAGE_FRESH_DAYS = 14;
const STAGE_HALF_LIFE_DAYS = 30;

const KNOWN_SOURCE_PERCENT = 50;

/**
 * A lead's score, 0 to 100, and each rule's part in it:
 *
 * - completeness: the share of name, e-mail, phone, company, title and country that its contact has;
 * - engagement: interactions by kind, each decaying by half per half-life, with falling returns;
 * - value: the logarithm of its amount against that of `fullValue`;
 * - source: what the tenant says that leads of this source are worth;
 * - stage: how far it has come, halved for every 30 days beyond 14 that it has been there.
 */
export function scoreOf(
  facts: ScoreFacts,
  settings: Scoring,
): { readonly score: number; readonly parts: ScorePart[] } {
  const whole = SCORE_RULES.reduce((sum, rule) => sum + settings.weights[rule], 0);
  const parts = SCORE_RULES.map((rule): ScorePart => {
    const { share, reason } = RULES[rule](facts, settings);
    const most = (100 * settings.weights[rule]) / whole;
    return { rule, points: rounded(most * share), maxPoints: rounded(most), reason };
  });
  const sum = parts.reduce((points, part) => points + part.points, 0);
  return { score: Math.min(Math.round(sum), 100), parts };
}

const RULES: Readonly<Record<ScoreRule, (facts: ScoreFacts, settings: Scoring) => Share>> = {
  completeness({ contact }) {
    const missing = CONTACT_FACTS.filter((fact) => !contact[fact]);
    const share = 1 - missing.length / CONTACT_FACTS.length;
    const reason =
      missing.length === 0 ? "all of the contact is known" : `not known: ${missing.join(", ")}`;
    return { share, reason };
  },

  engagement({ contacted }, { halfLifeDays }) {
    const count = contacted.reduce((sum, each) => sum + each.count, 0);
    if (count === 0) return { share: 0, reason: "no interaction yet" };
    const interest = contacted.reduce((sum, each) => sum + interestOf(each), 0);
    const kinds = [...new Set(contacted.map(({ type }) => type))].toSorted().join(", ");
    return {
      share: 1 - 2 ** (-interest / HALF_ENGAGED),
      reason: `${count} of ${kinds}; each counts half after ${halfLifeDays} days`,
    };
  },

  value({ value }, { fullValue }) {
    if (value === null) return { share: 0, reason: "no value yet" };
    // Only its magnitude counts, so a float is good enough.
    const share = Math.log1p(Number(value.amount)) / Math.log1p(Number(fullValue));
    const reason = `${value.amount} ${value.currency}, of ${fullValue} for all points`;
    return { share: Math.min(share, 1), reason };
  },

  source({ source }, { sources }) {
    if (source === null) return { share: 0, reason: "no source known" };
    const percent = sources.find((each) => each.source === source)?.percent ?? KNOWN_SOURCE_PERCENT;
    return { share: percent / 100, reason: `leads of ${source} are worth ${percent} %` };
  },

  stage({ status, daysInStatus }) {
    const late = Math.max(daysInStatus - STAGE_FRESH_DAYS, 0);
    const share = (STAGES[status] ?? 0) * 0.5 ** (late / STAGE_HALF_LIFE_DAYS);
    return { share, reason: `${status} for ${Math.floor(daysInStatus)} days` };
  },
};

function interestOf({ type, direction, recent }: Contacted): number {
  return (KINDS[type] ?? 0) * (direction === "inbound" ? 2 : 1) * recent;
}

function rounded(points: number): number {
  return Math.round(points * 100) / 100;
}
