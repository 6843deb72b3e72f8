import { runService } from "@crm/platform/service";
import { crmService } from "./app.ts";
import { crmConfig } from "./config.ts";

await runService("crm-svc", crmConfig, crmService);
