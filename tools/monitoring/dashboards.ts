import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Dashboard, dashboardJson, graph } from "./panels.ts";
import { increase, quantile, rate, selected } from "./promql.ts";
import { dependencies, now, process, refusals, requests } from "./rows.ts";

const DIRECTORY = join(import.meta.dir, "../../infrastructure/monitoring/dashboards");

function userSvc(): Dashboard {
  const job = "user-svc";
  const of = selected(job);
  const logins = selected(job, 'event=~"login_.*"');
  const signUps = selected(job, 'event=~"registered|invitation_accepted"');
  const others = selected(job, 'event!~"login_.*|registered|invitation_accepted"');
  return {
    ...{ uid: "crm-user-svc", title: "CRM / user-svc", job },
    rows: [
      now(job),
      {
        title: "Signing in",
        panels: [
          graph(
            "Sign-ins",
            "short",
            {
              "{{event}} {{reason}}": increase("security_events_total", logins, "event, reason"),
            },
            { stacked: true },
          ),
          graph("Companies and users that are new", "short", {
            "{{event}}": increase("security_events_total", signUps, "event"),
          }),
          graph(
            "Token checks",
            "ops",
            { "{{outcome}}": rate("token_checks_total", of, "outcome") },
            { stacked: true },
          ),
          graph("Other security events", "short", {
            "{{event}} {{reason}}": increase("security_events_total", others, "event, reason"),
            "not kept": `sum(increase(security_events_not_kept_total${of}[$__rate_interval]))`,
          }),
          refusals(job),
          graph(
            "Changes",
            "short",
            { "{{event}}": increase("business_events_total", of, "event") },
            { stacked: true },
          ),
        ],
      },
      requests(job),
      dependencies(job),
      process(job),
    ],
  };
}

function crmSvc(): Dashboard {
  const job = "crm-svc";
  const of = selected(job);
  return {
    ...{ uid: "crm-crm-svc", title: "CRM / crm-svc", job },
    rows: [
      now(job),
      {
        title: "What is done with it",
        panels: [
          graph("Contacts", "short", {
            "{{event}}": increase(
              "business_events_total",
              selected(job, 'event=~"contact.*"'),
              "event",
            ),
          }),
          graph(
            "Search, how long (p95)",
            "s",
            {
              "{{kind}} {{stage}}": quantile(
                0.95,
                "contact_search_duration_seconds",
                of,
                "kind, stage",
              ),
            },
            { description: "By what was typed, and how far it had to be looked for." },
          ),
          graph(
            "Interactions that were logged",
            "short",
            { "{{type}}": increase("interactions_logged_total", of, "type") },
            { stacked: true },
          ),
          graph("Leads on their way", "short", {
            "{{from}} → {{to}}": increase("lead_transitions_total", of, "from, to"),
          }),
          graph("Leads and customers", "short", {
            "{{event}}": increase(
              "business_events_total",
              selected(job, 'event=~"lead.converted|lead.created|customer.created"'),
              "event",
            ),
          }),
          graph(
            "Rows of imports",
            "short",
            { "{{outcome}}": increase("import_rows_total", of, "outcome") },
            { stacked: true },
          ),
        ],
      },
      {
        title: "Jobs",
        panels: [
          graph("How long the oldest waits", "s", {
            "{{task}}": `max by (task) (job_queue_lag_seconds{job="${job}"})`,
          }),
          graph("In the queue", "short", {
            "{{task}} {{state}}": `max by (task, state) (job_queue_jobs{job="${job}"}) > 0`,
          }),
          graph(
            "Runs",
            "short",
            {
              "{{task}} {{outcome}}": increase("job_duration_seconds_count", of, "task, outcome"),
            },
            { stacked: true },
          ),
        ],
      },
      requests(job),
      dependencies(job, [
        graph(
          "Calls to user-svc",
          "reqps",
          {
            "{{method}} {{code}}": rate("peer_call_duration_seconds_count", of, "method, code"),
            "retry {{outcome}}": rate("peer_retries_total", of, "outcome"),
          },
          { stacked: true },
        ),
        graph("Circuit breakers (0 closed, 1 open, 2 probed)", "short", {
          "{{peer}} {{address}}": `max by (peer, address) (peer_breaker_state${of})`,
        }),
        graph("Tokens that need not be asked about", "percentunit", {
          "{{cache}}": `${rate("cache_lookups_total", selected(job, 'outcome="hit"'), "cache")} / ${rate("cache_lookups_total", of, "cache")}`,
        }),
        refusals(job),
        graph("Security events", "short", {
          "{{event}}": increase("security_events_total", of, "event"),
        }),
        graph("Entries of caches", "short", { "{{cache}}": `sum by (cache) (cache_entries${of})` }),
      ]),
      process(job),
    ],
  };
}

export const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  "user-svc.json": userSvc(),
  "crm-svc.json": crmSvc(),
};

/** Writes infrastructure/monitoring/dashboards/. */
export async function writeDashboards(): Promise<void> {
  for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    await writeFile(join(DIRECTORY, name), dashboardJson(dashboard));
  }
}

/** Whether they are as they would be written. */
export async function dashboardsAreRight(): Promise<boolean> {
  const right = Object.entries(DASHBOARDS).map(async ([name, dashboard]) => {
    const there = await readFile(join(DIRECTORY, name), "utf8").catch(() => "");
    return there === dashboardJson(dashboard);
  });
  return (await Promise.all(right)).every(Boolean);
}
