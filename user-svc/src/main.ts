import { runService } from "@crm/platform/service";
import { userService } from "./app.ts";
import { userConfig } from "./config.ts";

await runService("user-svc", userConfig, userService);
