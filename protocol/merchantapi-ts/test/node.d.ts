// As much of Node as the example uses.
declare const process: { argv: string[]; env: Record<string, string | undefined>; exit(code: number): never; exitCode: number };
