import { figure, graph, type Panel, type Row } from "./panels.ts";
import { increase, quantile, quantiles, rate, selected } from "./promql.ts";

export function now(job: string): Row {
  const of = selected(job);
  const failed = selected(job, 'status=~"5.."');
  return {
    title: "Now",
    panels: [
      figure(
        "Instances that answer",
        "short",
        { up: `sum(up{job="${job}"})` },
        { red: 1, redBelow: true },
      ),
      figure(
        "Instances that are ready",
        "short",
        { ready: `sum(service_ready${of})` },
        { red: 1, redBelow: true },
      ),
      figure("Requests and calls", "reqps", {
        all: `sum(rate(http_request_duration_seconds_count${of}[$__rate_interval])) + (sum(rate(rpc_duration_seconds_count${of}[$__rate_interval])) or vector(0))`,
      }),
      figure(
        "Requests that fail (5xx)",
        "percentunit",
        {
          failing: `(sum(rate(http_request_duration_seconds_count${failed}[$__rate_interval])) or vector(0)) / sum(rate(http_request_duration_seconds_count${of}[$__rate_interval]))`,
        },
        { red: 0.01 },
      ),
      figure(
        "Slowest 1 % of requests",
        "s",
        { p99: quantile(0.99, "http_request_duration_seconds", of) },
        { red: 1 },
      ),
      figure(
        "Waiting for a connection",
        "short",
        { waiting: `sum(database_connection_waiters${of})` },
        { red: 1 },
      ),
    ],
  };
}

export function requests(job: string): Row {
  const of = selected(job);
  return {
    title: "Requests",
    panels: [
      graph(
        "REST, by status",
        "reqps",
        { "{{status}}": rate("http_request_duration_seconds_count", of, "status") },
        { stacked: true },
      ),
      graph("REST, how long", "s", quantiles("http_request_duration_seconds", of)),
      graph("REST, the slowest routes (p95)", "s", {
        "{{method}} {{route}}": `topk(8, ${quantile(0.95, "http_request_duration_seconds", of, "method, route")})`,
      }),
      graph(
        "RPC, by code",
        "reqps",
        { "{{code}}": rate("rpc_duration_seconds_count", of, "code") },
        { stacked: true },
      ),
      graph("RPC, how long", "s", quantiles("rpc_duration_seconds", of)),
      graph("RPC, the slowest procedures (p95)", "s", {
        "{{procedure}}": `topk(8, ${quantile(0.95, "rpc_duration_seconds", of, "procedure")})`,
      }),
    ],
  };
}

export function dependencies(job: string, more: readonly Panel[] = []): Row {
  const of = selected(job);
  return {
    title: "What it stands on",
    panels: [
      graph("Connections to PostgreSQL", "short", {
        "{{state}}": `sum by (state) (database_connections${of})`,
        waiting: `sum(database_connection_waiters${of})`,
        most: `sum(database_connections_max${of})`,
      }),
      graph(
        "Statements that take the most time",
        "percentunit",
        {
          "{{statement}}": `topk(8, ${rate("database_statement_duration_seconds_sum", of, "statement")})`,
        },
        { description: "Seconds in a second: 1 is one connection that does nothing else." },
      ),
      graph("The slowest statements (p95)", "s", {
        "{{statement}}": `topk(8, ${quantile(0.95, "database_statement_duration_seconds", of, "statement")})`,
      }),
      graph("What is there", "short", {
        "{{dependency}}": `min by (dependency) (dependency_up${of})`,
      }),
      graph("Redis, how long (p95)", "s", {
        "{{command}} {{outcome}}": quantile(
          0.95,
          "redis_command_duration_seconds",
          of,
          "command, outcome",
        ),
      }),
      graph("Revocations", "short", {
        "{{outcome}}": increase("revocations_total", of, "outcome"),
      }),
      ...more,
    ],
  };
}

export function process(job: string): Row {
  const of = selected(job);
  return {
    title: "The processes",
    panels: [
      graph("Processor time", "percentunit", {
        "{{instance}}": rate("process_cpu_seconds_total", of, "instance"),
      }),
      graph("Memory", "bytes", {
        "{{instance}}": `process_resident_memory_bytes${of}`,
        "{{instance}} heap": `nodejs_heap_size_used_bytes${of}`,
      }),
      graph("Event loop lag", "s", { "{{instance}}": `nodejs_eventloop_lag_p99_seconds${of}` }),
    ],
  };
}

export function refusals(job: string): Panel {
  return graph("Refusals by limit", "short", {
    "{{limit}}": increase("rate_limit_refusals_total", selected(job), "limit"),
  });
}
