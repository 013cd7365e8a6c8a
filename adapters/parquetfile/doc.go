// Package parquetfile writes records as Parquet, for those who ask questions of a
// log with DuckDB, pandas or the like:
//
//	sink := parquetfile.Begin(w, describe)
//	err := sink.Add(topic, partition, &stored)
//	err = sink.Close()
//
// Every row is one record: its place, its headers as columns and all of them as
// they are, key and value as bytes, and the decoded payload as JSON. docs/audit.md
// describes the columns. Memory is bounded: so many rows are held at a time.
//
// A file that was not closed is no Parquet file.
package parquetfile
