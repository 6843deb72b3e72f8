import type { JsonObject } from "@bufbuild/protobuf";
import { AuthService } from "@crm/proto/user/v1/auth_pb";
import { type Session, session } from "../../../user-svc/src/auth/schema.ts";
import { type ApiOperation, nothing } from "./operation.ts";

const { method } = AuthService;

function signingIn(name: "register" | "login" | "refresh"): ApiOperation<Session> {
  return {
    service: "user",
    method: method[name],
    rest: (body) => ({ method: "POST", path: `/v1/auth/${name}`, body }),
    answer: (fields: JsonObject) => fields["session"],
    value: session,
  };
}

export const register = signingIn("register");
export const login = signingIn("login");
export const refresh = signingIn("refresh");

export const logout: ApiOperation<null> = {
  service: "user",
  method: method.logout,
  rest: () => ({ method: "POST", path: "/v1/auth/logout" }),
  answer: () => null,
  value: nothing,
};
