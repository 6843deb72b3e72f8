import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import {
  Health as HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "@crm/proto/grpc/health/v1/health_pb";
import type { Health } from "./health.ts";

/** How often a watched service is looked at, unless it begins to drain, which is told at once. */
const WATCH_MS = 1_000;

/**
 * gRPC's health protocol (https://grpc.io/docs/guides/health-checking). The services of a process
 * stand on the same things, so each is as the whole is, whose name is empty: SERVING if `/ready` says
 * so. A watching client is sent away, with UNAVAILABLE, when the port closes.
 */
export function grpcHealth(
  health: Health,
  services: readonly string[],
): (router: ConnectRouter) => void {
  const names = new Set(["", ...services]);

  async function status(): Promise<ServingStatus> {
    const { status } = await health.ready();
    return status === "ready" ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }

  return (router) => {
    router.service(HealthService, {
      async check({ service }) {
        if (names.has(service)) return { status: await status() };
        throw new ConnectError("there is no service of this name here", Code.NotFound);
      },

      async list() {
        const each = { status: await status() };
        return { statuses: Object.fromEntries([...names].map((name) => [name, each])) };
      },

      async *watch({ service }, { signal }) {
        const ended = AbortSignal.any([signal, health.ended]);
        const changes = AbortSignal.any([ended, health.draining]);
        if (!names.has(service)) yield { status: ServingStatus.SERVICE_UNKNOWN };
        else {
          let told: ServingStatus | undefined;
          while (!changes.aborted) {
            const now = await status();
            if (now !== told) yield { status: now };
            told = now;
            await sleep(WATCH_MS, undefined, { signal: changes }).catch(() => {});
          }
          if (told !== ServingStatus.NOT_SERVING) yield { status: ServingStatus.NOT_SERVING };
        }
        if (!ended.aborted) {
          await new Promise((resolve) => ended.addEventListener("abort", resolve, { once: true }));
        }
        throw new ConnectError("the service is stopping", Code.Unavailable);
      },
    });
  };
}
