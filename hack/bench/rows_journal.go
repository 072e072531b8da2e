package main

// journalRows are the goals of group commit (DESIGN 3.1).
func journalRows() []row {
	const journal = "controller/internal/journal"
	figureOf := func(bench, unit string) figure { return figure{"Benchmark" + bench, unit} }
	return []row{
		{
			Name:    "journal, mixed decisions, against one transaction each, PostgreSQL",
			Package: journal, Bench: "^BenchmarkMixed$/^postgres$/^(writers=2|alone)$",
			Ours: figureOf("Mixed/postgres/writers=2/wait=2ms", "decisions/s"), Ref: figureOf("Mixed/postgres/alone", "decisions/s"),
			Goal: 4, AtLeast: true,
		},
		{
			Name:    "journal, inserts, against one transaction each, PostgreSQL",
			Package: journal, Bench: "^BenchmarkInsert$/^postgres$/^(writers=2|alone|raw|pgbench)$",
			Ours: figureOf("Insert/postgres/writers=2/wait=2ms", "decisions/s"), Ref: figureOf("Insert/postgres/alone", "decisions/s"),
			Goal: 6, AtLeast: true,
		},
		{
			Name:    "journal, inserts, against raw pgx, a commit each on 32 connections",
			Package: journal, Bench: "^BenchmarkInsert$/^postgres$/^(writers=2|alone|raw|pgbench)$",
			Ours: figureOf("Insert/postgres/writers=2/wait=2ms", "decisions/s"), Ref: figureOf("Insert/postgres/raw", "decisions/s"),
			Goal: 6, AtLeast: true,
		},
		{
			Name:    "journal, inserts, against pgbench, a commit each on 32 connections",
			Package: journal, Bench: "^BenchmarkInsert$/^postgres$/^(writers=2|alone|raw|pgbench)$",
			Ours: figureOf("Insert/postgres/writers=2/wait=2ms", "decisions/s"), Ref: figureOf("Insert/postgres/pgbench", "decisions/s"),
			Goal: 6, AtLeast: true,
		},
		{
			Name:    "journal, updates with state check and event, against one transaction each",
			Package: journal, Bench: "^BenchmarkUpdate$/^postgres$/^(writers=2|alone)$",
			Ours: figureOf("Update/postgres/writers=2/wait=2ms", "decisions/s"), Ref: figureOf("Update/postgres/alone", "decisions/s"),
			Goal: 9, AtLeast: true,
		},
		{
			Name:    "journal, mixed decisions, against one transaction each, SQLite",
			Package: journal, Bench: "^BenchmarkMixed$/^sqlite$",
			Ours: figureOf("Mixed/sqlite/batch=512", "decisions/s"), Ref: figureOf("Mixed/sqlite/batch=1", "decisions/s"),
			Goal: 4, AtLeast: true,
		},
		{
			Name:    "journal, one caller alone, against one transaction",
			Package: journal, Bench: "^BenchmarkIdle$",
			Ours: figureOf("Idle/journal", "ns/op"), Ref: figureOf("Idle/transaction", "ns/op"),
			Goal: 1.5,
		},
		{
			Name:    "journal, half of the load on one merchant: the others' p99.9, against an even load",
			Package: journal, Bench: "^BenchmarkSkewed$", Once: true,
			Ours: figureOf("Skewed/merchant", "ms-p99.9-cold"), Ref: figureOf("Skewed/even", "ms-p99.9-cold"),
			Goal: 2,
			Notes: []figure{
				figureOf("Skewed/even", "ms-p99-cold"), figureOf("Skewed/merchant", "ms-p99-cold"),
				figureOf("Skewed/merchant", "ms-p99.9-hot"),
			},
		},
		{
			Name:    "journal, half of the load on one terminal: the others' p99.9, against an even load",
			Package: journal, Bench: "^BenchmarkSkewed$", Once: true,
			Ours: figureOf("Skewed/terminal", "ms-p99.9-cold"), Ref: figureOf("Skewed/even", "ms-p99.9-cold"),
			Goal:  2,
			Notes: []figure{figureOf("Skewed/terminal", "ms-p99-cold"), figureOf("Skewed/terminal", "ms-p99.9-hot")},
		},
	}
}
