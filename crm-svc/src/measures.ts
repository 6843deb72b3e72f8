import type { AuditEntry } from "@crm/platform/audit";
import { type Metrics, oneOf } from "@crm/platform/metrics";
import { Counter, Histogram } from "prom-client";
import type { BusinessEventName } from "./business-events.ts";
import { SEARCH_KINDS } from "./contacts/search/kinds.ts";
import { STAGES } from "./contacts/search/tiers.rules.ts";
import { INTERACTION_TYPES } from "./interactions/schema.ts";
import { LEAD_STATUSES } from "./leads/schema.ts";

const ROW_OUTCOMES = ["created", "updated", "skipped", "failed"] as const;

/** What the labels hold that the platform has not. */
export const LABELS = {
  type: INTERACTION_TYPES,
  from: LEAD_STATUSES,
  to: LEAD_STATUSES,
  kind: SEARCH_KINDS,
  stage: STAGES,
} as const;

/** What crm-svc counts besides. */
export interface CrmMeasures {
  /** Labels: kind (of what was typed), stage (the last that was needed). */
  readonly searches: Histogram<"kind" | "stage">;
  /** What is counted of an audit entry, once it is committed, besides that there was one. */
  count(name: string, entry: AuditEntry): void;
}

export function openMeasures({ registry }: Pick<Metrics, "registry">): CrmMeasures {
  const registers = [registry];
  const interactions = new Counter({
    name: "interactions_logged_total",
    help: "Interactions that were logged",
    labelNames: ["type"],
    registers,
  });
  const transitions = new Counter({
    name: "lead_transitions_total",
    help: "Leads that went from one status to another; to won by their conversion",
    labelNames: ["from", "to"],
    registers,
  });
  const importRows = new Counter({
    name: "import_rows_total",
    help: "Rows of imports that have ended: created, updated, skipped or failed; not those of dry runs",
    labelNames: ["outcome"],
    registers,
  });
  const searches = new Histogram({
    name: "contact_search_duration_seconds",
    help: "Time of a search for contacts",
    labelNames: ["kind", "stage"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });

  function countTransition({ before, after }: AuditEntry): void {
    transitions.inc({
      from: oneOf(LABELS.from, field(before, "status")),
      to: oneOf(LABELS.to, field(after, "status")),
    });
  }

  function countRows({ after }: AuditEntry): void {
    if (field(after, "dryRun") === true) return;
    for (const outcome of ROW_OUTCOMES) {
      const rows = field(after, outcome);
      if (typeof rows === "number") importRows.inc({ outcome }, rows);
    }
  }

  const counted: Partial<Record<BusinessEventName, (entry: AuditEntry) => void>> = {
    "interaction.created": ({ after }) =>
      interactions.inc({ type: oneOf(LABELS.type, field(after, "type")) }),
    "lead.transitioned": countTransition,
    "lead.converted": countTransition,
    "import.finished": countRows,
    "import.failed": countRows,
    "import.cancelled": countRows,
  };
  const byName: ReadonlyMap<string, (entry: AuditEntry) => void> = new Map(Object.entries(counted));
  return { searches, count: (name, entry) => byName.get(name)?.(entry) };
}

/** Of an entry it is known only that it can be kept as JSON. */
function field(values: object | null, name: string): unknown {
  return values === null ? undefined : Reflect.get(values, name);
}
