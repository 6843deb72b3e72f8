import type { JsonObject } from "@bufbuild/protobuf";
import { AuthService } from "@crm/proto/user/v1/auth_pb";
import { type Session, session } from "../../../user-svc/src/auth/schema.ts";
import { enrolment, recoveryCodeList } from "../../../user-svc/src/auth/second-factor/schema.ts";
import { sessionList } from "../../../user-svc/src/auth/sessions/schema.ts";
import { type ApiOperation, nothing } from "./operation.ts";

const { method } = AuthService;

function signingIn(
  name: "register" | "login" | "refresh" | "acceptInvitation",
  path: string,
): ApiOperation<Session> {
  return {
    service: "user",
    method: method[name],
    rest: (body) => ({ method: "POST", path, body }),
    answer: (fields: JsonObject) => fields["session"],
    value: session,
  };
}

/** Input: `tenant` (`name`, `slug`), `email`, `password`, `fullName`. */
export const register = signingIn("register", "/v1/auth/register");

/** Input: `tenant`, `email`, `password`; or `challenge`, `code`. */
export const login = signingIn("login", "/v1/auth/login");

/** Input: `refreshToken`. */
export const refresh = signingIn("refresh", "/v1/auth/refresh");

/** Input: `token`, `password`, `fullName`. */
export const acceptInvitation = signingIn("acceptInvitation", "/v1/auth/accept-invitation");

/** Input: `token`, `password`. */
export const resetPassword: ApiOperation<null> = {
  service: "user",
  method: method.resetPassword,
  rest: (body) => ({ method: "POST", path: "/v1/auth/reset-password", body }),
  answer: () => null,
  value: nothing,
};

/** Input: `currentPassword`, `newPassword`. */
export const changePassword: ApiOperation<null> = {
  service: "user",
  method: method.changePassword,
  rest: (body) => ({ method: "POST", path: "/v1/auth/password", body }),
  answer: () => null,
  value: nothing,
};

export const logout: ApiOperation<null> = {
  service: "user",
  method: method.logout,
  rest: () => ({ method: "POST", path: "/v1/auth/logout" }),
  answer: () => null,
  value: nothing,
};

export const logoutAll: ApiOperation<null> = {
  service: "user",
  method: method.logoutAll,
  rest: () => ({ method: "POST", path: "/v1/auth/logout-all" }),
  answer: () => null,
  value: nothing,
};

export const listSessions: ApiOperation<ReturnType<typeof sessionList.parse>> = {
  service: "user",
  method: method.listSessions,
  rest: () => ({ method: "GET", path: "/v1/auth/sessions" }),
  value: sessionList,
};

/** Input: `id`. */
export const endSession: ApiOperation<null> = {
  service: "user",
  method: method.endSession,
  rest: ({ id }) => ({ method: "DELETE", path: `/v1/auth/sessions/${id}` }),
  answer: () => null,
  value: nothing,
};

export const enrollTotp: ApiOperation<ReturnType<typeof enrolment.parse>> = {
  service: "user",
  method: method.enrollTotp,
  rest: () => ({ method: "POST", path: "/v1/auth/totp" }),
  value: enrolment,
};

/** Input: `code`. */
export const confirmTotp: ApiOperation<ReturnType<typeof recoveryCodeList.parse>> = {
  service: "user",
  method: method.confirmTotp,
  rest: (body) => ({ method: "POST", path: "/v1/auth/totp/confirm", body }),
  value: recoveryCodeList,
};

/** Input: `password`. */
export const disableTotp: ApiOperation<null> = {
  service: "user",
  method: method.disableTotp,
  rest: (body) => ({ method: "DELETE", path: "/v1/auth/totp", body }),
  answer: () => null,
  value: nothing,
};
