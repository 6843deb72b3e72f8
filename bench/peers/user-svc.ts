import { bind } from "@crm/platform/rpc";
import { runService } from "@crm/platform/service";
import { z } from "zod";
import { userService } from "../../user-svc/src/app.ts";
import { userConfig } from "../../user-svc/src/config.ts";
import { anonymous } from "../../user-svc/src/services.ts";
import { emptyMethod } from "../empty-method.ts";

// user-svc as it is, with one more method, which does nothing.

const nothing = z.strictObject({});

const empty = anonymous({
  name: "bench.empty",
  limit: null,
  takesKey: false,
  input: nothing,
  output: nothing,
  run: async () => ({}),
});

await runService("user-svc", userConfig, async (config, foundation) => {
  const parts = await userService(config, foundation);
  return { ...parts, bindings: [...parts.bindings, bind(emptyMethod, empty)] };
});
