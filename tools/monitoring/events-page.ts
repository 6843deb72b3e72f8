import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BUSINESS_EVENTS as CRM_EVENTS } from "../../crm-svc/src/business-events.ts";
import { BUSINESS_EVENTS as USER_EVENTS } from "../../user-svc/src/business-events.ts";
import { SECURITY_EVENTS as USER_SECURITY } from "../../user-svc/src/security/event-names.ts";
import { LOG_EVENTS, SECURITY_EVENTS } from "./log-events.ts";
import { type FoundEvent, type FoundEvents, findEvents } from "./sources.ts";

const PAGE = join(import.meta.dir, "../../docs/events.md");

const INTRODUCTION = `# Events

Each service writes JSON lines on standard output. A line has \`time\`, \`level\`, \`service\` and \`event\`, one of
the names below, which stay what they are. Whatever was done for a request has its \`requestId\` (\`X-Request-Id\`,
taken over or made up) and \`traceId\` (of \`traceparent\`, W3C), in both services: crm-svc hands them on to
user-svc. \`tenantId\`, \`userId\` and \`actorId\` say whose it is, by ids.

Fields that are secrets, and whatever in any text looks like a token, a key, an e-mail address or a password
in a URL, are written as \`[redacted]\`.

## Levels

\`LOG_LEVEL\` is the level at the start. With \`LOG_LEVEL_FILE\` the level is what that file holds, and changes
with it, within five seconds, without a restart:

\`\`\`console
$ echo debug > /etc/crm/log-level
\`\`\`

In Kubernetes, let it be a key of a ConfigMap that is mounted: \`kubectl edit\` then changes all instances, and
those that start later. A signal would need a shell in the image to be sent from, would reach one process, and
be forgotten by the next. What is no level is refused (\`log_level_refused\`), and nothing changes.

This page is checked against the code, and made from it: \`npm run generate\`.
`;

/** Writes docs/events.md. Throws if an event has no description, or a description no event. */
export async function writeEventsPage(): Promise<void> {
  await writeFile(PAGE, await page());
}

/** Whether it is as it would be written. Throws as that does. */
export async function eventsPageIsRight(): Promise<boolean> {
  return (await readFile(PAGE, "utf8").catch(() => "")) === (await page());
}

async function page(): Promise<string> {
  const found = await findEvents();
  const faults = faultsOf(found);
  if (faults.length > 0) throw new Error(faults.join("\n"));
  const by = (events: readonly FoundEvent[], name: string): FoundEvent[] =>
    events.filter((event) => event.name === name);
  return [
    INTRODUCTION,
    `## Business events

What was changed, told once it is committed; never what was rolled back. The name is that of the audit log,
\`entity.action\`, and an audit entry is what makes it, so that no change goes untold. A line is of one change:
it has the \`entityId\`, or the \`count\` of those that were changed together. \`business_events_total\` counts them.

### crm-svc

${table(["event", "what it says"], Object.entries(CRM_EVENTS).map(rowOf))}

### user-svc

${table(["event", "what it says"], Object.entries(USER_EVENTS).map(rowOf))}
`,
    `## Security events

For whoever looks for attacks and misuse: \`severity\` is \`info\`, \`warning\` (worth a look; level \`warn\`) or
\`critical\` (somebody was or may have been harmed). They have \`clientAddress\`. Those of user-svc are kept in
\`identity.security_events\` as well. \`security_events_total\` counts them.

${table(
  ["event", "severity", "who", "what it says"],
  [
    ...Object.entries(USER_SECURITY).map(([name, [severity, meaning]]) =>
      rowOf([name, severity, "user-svc", meaning]),
    ),
    ...Object.entries(SECURITY_EVENTS).map(([name, meaning]) => {
      const [{ level = "info", who = "" } = {}] = by(found.security, name);
      return rowOf([name, level, who, meaning]);
    }),
  ],
)}
`,
    `## Events of operation

${table(
  ["event", "level", "who", "what it says"],
  Object.entries(LOG_EVENTS).map(([name, meaning]) => {
    const places = by(found.log, name);
    const told = (values: readonly string[]): string => [...new Set(values)].join(", ");
    const levels = told(places.map(({ level }) => level));
    return rowOf([name, levels, told(places.map(({ who }) => who)), meaning]);
  }),
)}
`,
  ].join("\n");
}

/** What is in the code and in no list, and the other way round. */
export function faultsOf(found: FoundEvents): string[] {
  const differences = (kind: string, listed: readonly string[], named: readonly string[]) => [
    ...named
      .filter((name) => !listed.includes(name))
      .map((name) => `the ${kind} ${name} has no description`),
    ...listed
      .filter((name) => !named.includes(name))
      .map((name) => `the ${kind} ${name} is described, but nothing reports it`),
  ];
  const names = (events: readonly FoundEvent[]): string[] => [
    ...new Set(events.map(({ name }) => name)),
  ];
  return [
    ...differences("event", Object.keys(LOG_EVENTS), names(found.log)),
    ...differences("security event", Object.keys(SECURITY_EVENTS), names(found.security)),
    ...unreported(Object.keys(CRM_EVENTS), found.literals["crm-svc"]),
    ...unreported(Object.keys(USER_EVENTS), found.literals["user-svc"]),
    ...unreported(Object.keys(USER_SECURITY), found.literals["user-svc"]),
  ];
}

/** An entity and its action may be said in different places, but each is said somewhere. */
function unreported(events: readonly string[], literals: ReadonlySet<string>): string[] {
  return events
    .filter((name) => !name.split(".").every((part) => literals.has(part)))
    .map((name) => `the event ${name} is described, but nothing reports it`);
}

function rowOf([name, ...rest]: readonly string[]): string {
  return `| \`${name}\` | ${rest.join(" | ")} |`;
}

function table(columns: readonly string[], rows: readonly string[]): string {
  return [`| ${columns.join(" | ")} |`, `|${columns.map(() => "---|").join("")}`, ...rows].join(
    "\n",
  );
}
