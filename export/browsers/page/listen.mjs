/** Reads what a library prints: some say nowhere else what they do, or why they failed. */

const LEVELS = ['log', 'info', 'debug', 'warn', 'error'];

/** Run `action` and return what it gave and the lines printed meanwhile; an error that it throws gets them as `printed`. */
export async function listening(action) {
  const originals = LEVELS.map((level) => console[level]);
  const lines = [];
  for (const level of LEVELS) console[level] = (...parts) => lines.push(parts.join(' '));
  try {
    return [await action(), lines.join('\n')];
  } catch (error) {
    throw Object.assign(error instanceof Error ? error : new Error(String(error)), {printed: lines.join('\n')});
  } finally {
    LEVELS.forEach((level, index) => (console[level] = originals[index]));
  }
}
