package export

import (
	"io"
	"iter"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"spor/timeline"
)

// parquetRow is a row of the Parquet file. The columns are those of CSV; datetime is null where there is no time.
type parquetRow struct {
	Message   string     `parquet:"message,zstd"`
	Datetime  *time.Time `parquet:"datetime,timestamp(microsecond),optional,zstd"`
	Timestamp int64      `parquet:"timestamp,delta,zstd"`
	Desc      string     `parquet:"timestamp_desc,dict,zstd"`
	Type      string     `parquet:"data_type,dict,zstd"`
	Parser    string     `parquet:"parser,dict,zstd"`
	Host      string     `parquet:"host,dict,zstd"`
	Path      string     `parquet:"path,dict,zstd"`
	Offset    int64      `parquet:"offset,delta,zstd"`
	SHA256    string     `parquet:"sha256,dict,zstd"`
	Recovered bool       `parquet:"recovered"`
	Fields    string     `parquet:"fields,json,zstd"`
}

// rowsHeld is how many rows are held before they become a row group: about 64 MB of them.
const rowsHeld = 100_000

// Parquet writes Apache Parquet (github.com/apache/parquet-format), compressed with zstd: for DuckDB, pandas, Spark. The
// record's own fields are JSON in the last column: fields->>'username'.
func Parquet(w io.Writer, events iter.Seq2[timeline.Event, error]) error {
	return writeParquet(w, events, rowsHeld)
}

func writeParquet(w io.Writer, events iter.Seq2[timeline.Event, error], group int64) error {
	out := parquet.NewGenericWriter[parquetRow](w, parquet.MaxRowsPerRowGroup(group), parquet.Compression(&zstd.Codec{}), parquet.CreatedBy("spor", "", ""))
	batch := make([]parquetRow, 0, 256)
	for e, err := range events {
		if err != nil {
			return err
		}
		if batch = append(batch, newParquetRow(&e)); len(batch) == cap(batch) {
			if _, err := out.Write(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if _, err := out.Write(batch); err != nil {
		return err
	}
	return out.Close()
}

func newParquetRow(e *timeline.Event) parquetRow {
	src := source(e)
	_, desc := moment(e)
	row := parquetRow{
		Message: text(e.Message), Timestamp: e.Micros(), Desc: desc, Type: text(e.Type), Parser: src.Parser, Host: text(src.Host),
		Path: src.Path.String(), Offset: e.Offset, SHA256: src.SHA256.String(), Recovered: e.Recovered, Fields: ownFields(e),
	}
	if e.Timed() {
		row.Datetime = new(e.Time.UTC())
	}
	return row
}
