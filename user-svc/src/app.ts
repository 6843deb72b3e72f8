import { migrationsApplied } from "@crm/platform/applied-migrations";
import { businessEvents } from "@crm/platform/business-events";
import { cursors } from "@crm/platform/pages";
import type { Foundation, ServiceParts } from "@crm/platform/service";
import { sqlFileNames } from "@crm/platform/sql-files" with { type: "macro" };
import { apiKeyRoutes } from "./api-keys/routes.ts";
import { apiKeyBindings } from "./api-keys/rpc.ts";
import { auditRoutes } from "./audit/routes.ts";
import { auditBindings } from "./audit/rpc.ts";
import { passwords } from "./auth/passwords/bcrypt.ts";
import { authRoutes } from "./auth/routes.ts";
import { authBindings } from "./auth/rpc.ts";
import { accessTokens } from "./auth/tokens.ts";
import { BUSINESS_EVENTS } from "./business-events.ts";
import type { UserConfig } from "./config.ts";
import { authenticator } from "./credentials/authenticate.ts";
import { credentialBindings } from "./credentials/rpc.ts";
import { documentation } from "./documentation.ts";
import { mailer } from "./mail.ts";
import { openMeasures } from "./measures.ts";
import { roleRoutes } from "./roles/routes.ts";
import { roleBindings } from "./roles/rpc.ts";
import { keptSecurityEvents } from "./security/events.ts";
import { counted } from "./security/token-checks.ts";
import type { UserServices } from "./services.ts";
import type { DB } from "./tables.gen.ts";
import { tenantRoutes } from "./tenant/routes.ts";
import { tenantBindings } from "./tenant/rpc.ts";
import { userRoutes } from "./users/routes.ts";
import { userBindings } from "./users/rpc.ts";

/** user-svc: who somebody is and what they may do. */
export async function userService(
  config: UserConfig,
  { database, keyValue, limits, metrics, log }: Foundation<DB>,
): Promise<ServiceParts<UserServices>> {
  const tokens = await accessTokens(config);
  const measures = openMeasures(metrics);
  const securityEvents = keptSecurityEvents({ database, metrics, log }, measures);
  return {
    services: {
      database,
      keyValue,
      limits: {
        session: limits.local("session", config.LIMIT_PER_SESSION),
        register: limits.requests("register", config.LIMIT_REGISTER_PER_ADDRESS),
        login: limits.failures("login", config.LIMIT_LOGIN_PER_ADDRESS),
        refresh: limits.failures("refresh", config.LIMIT_REFRESH_PER_ADDRESS),
      },
      guesses: limits.guesses("account", config.LIMIT_LOGIN_PER_ACCOUNT),
      securityEvents,
      businessEvents: businessEvents(metrics, BUSINESS_EVENTS),
      tokens,
      passwords: await passwords(config.BCRYPT_COST),
      mailer: mailer(config, log),
      refreshTokenDays: config.REFRESH_TOKEN_DAYS,
      cursors: cursors(config.CURSOR_SECRET),
      encryptionSecret: config.ENCRYPTION_SECRET,
      idempotencySecret: config.ENCRYPTION_SECRET,
      authenticate: counted(measures, authenticator({ tokens, database, log })),
    },
    routes(app) {
      authRoutes(app);
      userRoutes(app);
      tenantRoutes(app);
      roleRoutes(app);
      apiKeyRoutes(app);
      auditRoutes(app);
    },
    bindings: [
      ...authBindings,
      ...credentialBindings,
      ...userBindings,
      ...tenantBindings,
      ...roleBindings,
      ...apiKeyBindings,
      ...auditBindings,
    ],
    documentation,
    dependencies: { migrations: migrationsApplied(database, { identity: sqlFileNames("user") }) },
    stop: () => securityEvents.flush(),
  };
}
