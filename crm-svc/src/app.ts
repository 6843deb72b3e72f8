import { identityClient } from "@crm/platform/identity";
import { cursors } from "@crm/platform/pages";
import { loggedSecurityEvents } from "@crm/platform/security-events";
import type { Foundation, ServiceParts } from "@crm/platform/service";
import type { CrmConfig } from "./config.ts";
import { contactRoutes } from "./contacts/routes.ts";
import { contactBindings } from "./contacts/rpc.ts";
import type { CrmServices } from "./services.ts";
import type { DB } from "./tables.gen.ts";

/** crm-svc: whom a company knows. */
export async function crmService(
  config: CrmConfig,
  { database, keyValue, limits, metrics, log }: Foundation<DB>,
): Promise<ServiceParts<CrmServices>> {
  const identity = await identityClient({ urls: config.USER_SVC_URL, keyValue, metrics, log });
  return {
    services: {
      database,
      limits: { session: limits.local("session", config.LIMIT_PER_SESSION) },
      securityEvents: loggedSecurityEvents(metrics),
      cursors: cursors(config.CURSOR_SECRET),
      authenticate: identity.authenticate,
    },
    routes: contactRoutes,
    bindings: contactBindings,
    dependencies: { "user-svc": identity.ping },
  };
}
