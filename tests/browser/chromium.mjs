// chromium.mjs: one Chromium for several test files, as ./test starts it: prints the address at which it listens on
// loopback, and ends when it is told to. helper.mjs connects there when ATTUNE_BROWSER names it.
import { chromium } from 'playwright-core';
import { CHROMIUM } from './helper.mjs';

const server = await chromium.launchServer({ ...CHROMIUM, host: '127.0.0.1' });
console.log(server.wsEndpoint());
