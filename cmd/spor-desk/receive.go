package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
	"spor/upload/receive"
	"spor/upload/tus"
)

func receiveCommand(s cli.Streams) *cobra.Command {
	var listen, store, name, certFile, keyFile string
	var maxUpload, maxCase cli.Size
	cmd := &cobra.Command{
		Use:     "receive --listen ADDR --store DIR",
		Short:   "Receive bundles: tus over TLS, a write-only token per case, receipts",
		Example: "  spor-desk receive --listen :8443 --store /srv/spor",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewTextHandler(s.Err, nil))
			cert, pin, err := certificate(store, certFile, keyFile)
			if err != nil {
				return cli.Fail(cli.Usage, "", err)
			}
			server, err := receive.New(receive.Options{
				Store: store, Name: name, Certificate: &cert, Log: log,
				Limits: receive.Limits{MaxUpload: int64(maxUpload), MaxCase: int64(maxCase)},
			})
			if err != nil {
				return cli.Fail(cli.Usage, "", err)
			}
			return serve(cmd.Context(), s, server, listen, pin)
		},
	}
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "", "`address` to listen at, such as :8443")
	f.StringVar(&store, "store", "", "`folder` for what arrives, the tokens and the certificate")
	f.StringVar(&name, "name", "", "what receipts call this receiver")
	f.StringVar(&certFile, "cert", "", "TLS certificate `file` (default: one of our own, made once, in the store)")
	f.StringVar(&keyFile, "cert-key", "", "its private key `file`")
	f.Var(&maxUpload, "max-upload", "most bytes of one file; 0: no limit")
	f.Var(&maxCase, "max-case", "most bytes of a case; 0: no limit")
	cmd.MarkFlagRequired("listen")
	cmd.MarkFlagRequired("store")
	return cmd
}

// certificate gives the server's certificate and the pin that kits carry.
func certificate(store, certFile, keyFile string) (tls.Certificate, string, error) {
	if certFile == "" {
		return receive.Certificate(store)
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return cert, "", err
	}
	return cert, tus.Pin(cert.Leaf), nil
}

func serve(ctx context.Context, s cli.Streams, server *receive.Server, listen, pin string) error {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return cli.Fail(cli.Usage, "", errors.Join(err, server.Close()))
	}
	fmt.Fprintf(s.Out, "listening at https://%s/files/\npin %s\n", ln.Addr(), pin)
	err = server.Serve(ctx, ln)
	if err = errors.Join(err, server.Close()); err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	return nil
}

func tokenCommand(s cli.Streams) *cobra.Command {
	var store string
	cmd := &cobra.Command{Use: "token", Short: "Make, list and revoke the upload tokens of cases", Args: cobra.NoArgs}
	cmd.PersistentFlags().StringVar(&store, "store", "", "the receiver's `folder`")
	cmd.MarkPersistentFlagRequired("store")

	var caseID, expires string
	create := &cobra.Command{
		Use: "new --store S --case ID", Short: "Make a token; it alone is printed, and never again", Args: cobra.NoArgs,
		Example: "  spor-desk token new --store /srv/spor --case 2026-017 --expires 30d",
		RunE: func(*cobra.Command, []string) error {
			var end time.Time
			if expires != "" {
				var err error
				if end, err = expiry(expires, time.Now()); err != nil {
					return cli.Fail(cli.Usage, "", err)
				}
			}
			token, err := newToken(store, caseID, end)
			if err == nil {
				fmt.Fprintln(s.Out, token)
			}
			return err
		},
	}
	create.Flags().StringVar(&caseID, "case", "", "case `id`")
	create.Flags().StringVar(&expires, "expires", "", "when it ends: a `time` or, as in 30d, how long it is valid")
	create.MarkFlagRequired("case")

	list := &cobra.Command{
		Use: "list --store S", Short: "List tokens: id, case, made, ends, revoked", Args: cobra.NoArgs, Example: "  spor-desk token list --store /srv/spor",
		RunE: func(*cobra.Command, []string) error { return listTokens(s, store) },
	}
	revoke := &cobra.Command{
		Use: "revoke ID... --store S", Short: "Revoke tokens by id", Args: cobra.MinimumNArgs(1), Example: "  spor-desk token revoke 3f9c2a --store /srv/spor",
		RunE: func(_ *cobra.Command, ids []string) error {
			return withTokens(store, func(t *receive.Tokens) error {
				for _, id := range ids {
					if err := t.Revoke(id); err != nil {
						return cli.Fail(cli.Usage, "spor-desk token list shows the ids", err)
					}
				}
				return nil
			})
		},
	}
	cmd.AddCommand(create, list, revoke)
	return cmd
}

func withTokens(store string, do func(*receive.Tokens) error) error {
	tokens, err := receive.OpenTokens(store)
	if err != nil {
		return cli.Fail(cli.Usage, "", err)
	}
	return errors.Join(do(tokens), tokens.Close())
}

func newToken(store, caseID string, expires time.Time) (token string, err error) {
	err = withTokens(store, func(t *receive.Tokens) error {
		if token, err = t.New(caseID, expires); err != nil {
			return cli.Fail(cli.Usage, "", err)
		}
		return nil
	})
	return token, err
}

func listTokens(s cli.Streams, store string) error {
	return withTokens(store, func(t *receive.Tokens) error {
		all, err := t.List()
		if err != nil {
			return cli.Fail(cli.Failed, "", err)
		}
		day := func(t time.Time) string {
			if t.IsZero() {
				return "-"
			}
			return t.UTC().Format("2006-01-02T15:04Z")
		}
		for _, tok := range all {
			fmt.Fprintf(s.Out, "%s\t%s\t%s\t%s\t%s\n", tok.ID, tok.Case, day(tok.Created), day(tok.Expires), day(tok.Revoked))
		}
		return nil
	})
}
