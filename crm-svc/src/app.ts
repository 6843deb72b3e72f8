import { migrationsApplied } from "@crm/platform/applied-migrations";
import { businessEvents } from "@crm/platform/business-events";
import { identityClient } from "@crm/platform/identity";
import { cursors } from "@crm/platform/pages";
import { loggedSecurityEvents } from "@crm/platform/security-events";
import type { Foundation, ServiceParts } from "@crm/platform/service";
import { sqlFileNames } from "@crm/platform/sql-files" with { type: "macro" };
import { auditRoutes } from "./audit/routes.ts";
import { auditBindings } from "./audit/rpc.ts";
import { BUSINESS_EVENTS } from "./business-events.ts";
import type { CrmConfig } from "./config.ts";
import { contactDataBindings } from "./contact-data/rpc.ts";
import { contactFieldRoutes } from "./contact-fields/routes.ts";
import { contactFieldBindings } from "./contact-fields/rpc.ts";
import { contactChangeRoutes } from "./contacts/changes/routes.ts";
import { contactChangeBindings } from "./contacts/changes/rpc.ts";
import { contactRoutes } from "./contacts/routes.ts";
import { contactBindings } from "./contacts/rpc.ts";
import { forgetUnusedWords } from "./contacts/search/job.ts";
import { customerRoutes } from "./customers/routes.ts";
import { customerBindings } from "./customers/rpc.ts";
import { documentation } from "./documentation.ts";
import { findDuplicates } from "./duplicates/job.ts";
import { duplicateRoutes } from "./duplicates/routes.ts";
import { duplicateBindings } from "./duplicates/rpc.ts";
import { exportRoutes } from "./exports/routes.ts";
import { exportBindings } from "./exports/rpc.ts";
import { abandonedUploadsJob, importJob } from "./imports/job.ts";
import { importRoutes } from "./imports/routes.ts";
import { importBindings } from "./imports/rpc.ts";
import { interactionRoutes } from "./interactions/routes.ts";
import { interactionBindings } from "./interactions/rpc.ts";
import { leadSettingsRoutes } from "./lead-settings/routes.ts";
import { leadSettingsBindings } from "./lead-settings/rpc.ts";
import { flagNeglectedLeads } from "./leads/follow-up/job.ts";
import { leadRoutes } from "./leads/routes.ts";
import { leadBindings } from "./leads/rpc.ts";
import { scoreAllLeads, scoreStaleLeads } from "./leads/score/job.ts";
import { openMeasures } from "./measures.ts";
import { mergeRoutes } from "./merges/routes.ts";
import { mergeBindings } from "./merges/rpc.ts";
import type { CrmServices } from "./services.ts";
import type { DB } from "./tables.gen.ts";
import { timelineRoutes } from "./timeline/routes.ts";
import { timelineBindings } from "./timeline/rpc.ts";

/** crm-svc: whom a company knows. */
export async function crmService(
  config: CrmConfig,
  { database, keyValue, limits, metrics, log }: Foundation<DB>,
): Promise<ServiceParts<CrmServices>> {
  const measures = openMeasures(metrics);
  const identity = await identityClient({ urls: config.USER_SVC_URL, keyValue, metrics, log });
  return {
    services: {
      database,
      limits: { session: limits.local("session", config.LIMIT_PER_SESSION) },
      securityEvents: loggedSecurityEvents(metrics),
      businessEvents: businessEvents(metrics, BUSINESS_EVENTS, measures.count),
      measures,
      cursors: cursors(config.CURSOR_SECRET),
      // Its answers hold no secrets; `idempotentRequest` tells its use of it from that of cursors.
      idempotencySecret: config.CURSOR_SECRET,
      authenticate: identity.authenticate,
      imports: { maxBytes: config.IMPORT_MAX_BYTES },
    },
    routes(app) {
      auditRoutes(app);
      contactFieldRoutes(app);
      contactChangeRoutes(app);
      customerRoutes(app);
      duplicateRoutes(app);
      exportRoutes(app);
      interactionRoutes(app);
      leadRoutes(app);
      leadSettingsRoutes(app);
      mergeRoutes(app);
      timelineRoutes(app);
      importRoutes(app);
      // Behind all others: to /v1/contacts/{id} whatever comes there is an id.
      contactRoutes(app);
    },
    bindings: [
      ...auditBindings,
      ...contactDataBindings,
      ...contactFieldBindings,
      ...contactBindings,
      ...contactChangeBindings,
      ...customerBindings,
      ...importBindings,
      ...duplicateBindings,
      ...exportBindings,
      ...interactionBindings,
      ...leadBindings,
      ...leadSettingsBindings,
      ...mergeBindings,
      ...timelineBindings,
    ],
    documentation,
    jobs: [
      importJob,
      abandonedUploadsJob,
      findDuplicates,
      flagNeglectedLeads,
      forgetUnusedWords,
      scoreAllLeads,
      scoreStaleLeads,
    ],
    dependencies: {
      "user-svc": identity.ping,
      migrations: migrationsApplied(database, {
        identity: sqlFileNames("user"),
        crm: sqlFileNames("crm"),
      }),
    },
    stop: identity.stop,
  };
}
