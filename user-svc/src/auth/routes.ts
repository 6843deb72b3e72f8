import { routesOf } from "@crm/platform/openapi/routes";
import { mount, type RestApp } from "@crm/platform/rest";
import { z } from "zod";
import type { UserServices } from "../services.ts";
import { login, register } from "./operations.ts";
import { acceptInvitation, changePassword, resetPassword } from "./passwords/operations.ts";
import { confirmTotp, disableTotp, enrollTotp } from "./second-factor/operations.ts";
import { endSession, listSessions, logout, logoutAll, refresh } from "./sessions/operations.ts";

export function authRoutes(app: RestApp<UserServices>): void {
  mount(app, register, {
    method: "POST",
    path: "/v1/auth/register",
    body: true,
    status: 201,
  });
  mount(app, login, { method: "POST", path: "/v1/auth/login", body: true });
  mount(app, refresh, { method: "POST", path: "/v1/auth/refresh", body: true });
  mount(app, logout, { method: "POST", path: "/v1/auth/logout" });
  mount(app, logoutAll, { method: "POST", path: "/v1/auth/logout-all" });
  mount(app, listSessions, { method: "GET", path: "/v1/auth/sessions" });
  mount(app, endSession, { method: "DELETE", path: "/v1/auth/sessions/:id" });
  mount(app, changePassword, { method: "POST", path: "/v1/auth/password", body: true });
  mount(app, acceptInvitation, {
    method: "POST",
    path: "/v1/auth/accept-invitation",
    body: true,
  });
  mount(app, resetPassword, { method: "POST", path: "/v1/auth/reset-password", body: true });
  mount(app, enrollTotp, { method: "POST", path: "/v1/auth/totp" });
  mount(app, confirmTotp, { method: "POST", path: "/v1/auth/totp/confirm", body: true });
  mount(app, disableTotp, { method: "DELETE", path: "/v1/auth/totp", body: true });

  routesOf(app).plain.push({
    path: "/.well-known/jwks.json",
    operationId: "getKeys",
    summary: "The public keys that access tokens are signed with (RFC 7517)",
    answers: {
      200: {
        description: "The keys.",
        type: "application/json",
        schema: z.looseObject({ keys: z.array(z.looseObject({ kid: z.string() })) }),
      },
    },
  });
  app.get("/.well-known/jwks.json", (c) => {
    c.header("cache-control", "public, max-age=300");
    c.header("vary", "Origin");
    return c.json(c.get("request").services.tokens.keySet);
  });
}
