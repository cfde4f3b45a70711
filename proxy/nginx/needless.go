package nginx

import (
	"slices"
	"strings"
)

// needless is what usher does by itself, or what is about nginx's own process,
// memory and files.
var needless = strings.Fields(`
	accept_mutex aio backlog chunked_transfer_encoding client_body_buffer_size client_body_in_file_only client_body_temp_path
	client_header_buffer_size client_header_timeout connection_pool_size daemon default_type directio error_log events
	fastcgi_temp_path http2 http2_max_concurrent_streams http2_push_preload keepalive keepalive_disable keepalive_requests
	keepalive_time keepalive_timeout large_client_header_buffers lingering_close lingering_time lingering_timeout load_module
	log_format log_not_found log_subrequest map_hash_bucket_size map_hash_max_size master_process merge_slashes multi_accept
	open_file_cache open_file_cache_errors open_file_cache_min_uses open_file_cache_valid output_buffers pcre_jit pid
	port_in_redirect postpone_output proxy_buffer_size proxy_buffering proxy_buffers proxy_busy_buffers_size
	proxy_headers_hash_bucket_size proxy_headers_hash_max_size proxy_http_version proxy_max_temp_file_size proxy_pass_header
	proxy_request_buffering proxy_send_timeout proxy_socket_keepalive
	proxy_ssl_protocols proxy_ssl_ciphers proxy_ssl_session_reuse proxy_ssl_verify_depth proxy_ssl_server_name
	proxy_temp_file_write_size proxy_temp_path read_ahead real_ip_recursive recursive_error_pages
	request_pool_size reset_timedout_connection scgi_temp_path send_lowat send_timeout sendfile sendfile_max_chunk
	server_names_hash_bucket_size server_names_hash_max_size server_tokens ssl_buffer_size ssl_ciphers ssl_conf_command ssl_dhparam
	ssl_early_data ssl_ecdh_curve ssl_prefer_server_ciphers ssl_protocols ssl_session_cache ssl_session_ticket_key
	ssl_session_tickets ssl_session_timeout tcp_nodelay tcp_nopush thread_pool types types_hash_bucket_size
	types_hash_max_size use user uwsgi_temp_path variables_hash_bucket_size variables_hash_max_size worker_connections
	worker_cpu_affinity worker_priority worker_processes worker_rlimit_core worker_rlimit_nofile worker_shutdown_timeout zone
	absolute_redirect server_name_in_redirect ssl_stapling ssl_stapling_verify ssl_trusted_certificate resolver
	resolver_timeout proxy_bind limit_req_log_level limit_conn_log_level proxy_intercept_errors env working_directory
	proxy_cache_bypass proxy_no_cache ntlm`)

func isNeedless(d *Directive) bool { return slices.Contains(needless, d.Name) }

// instead says what there is in place of a directive that is not carried over.
func instead(name string) string {
	for _, one := range []struct{ prefix, why string }{
		{"access_log", "usher has an access log of its own: log: {access: {to: ..., format: combined}}"},
		{"gzip", "in its place encode: [zstd, br, gzip] on the routes"}, {"brotli", "in its place encode: [zstd, br, gzip] on the routes"},
		{"proxy_cache", "usher keeps no answers"}, {"expires", "usher sets it for no kind of file: let the upstream do it"}, {"etag", "usher serves no files"},
		{"root", "usher serves no files"}, {"alias", "usher serves no files"}, {"index", "usher serves no files"},
		{"autoindex", "usher serves no files"}, {"try_files", "usher serves no files"},
		{"error_page", "usher's own answers get pages by error_pages, an upstream's stay as they are"},
		{"fastcgi_", "usher speaks HTTP to upstreams"}, {"uwsgi_", "usher speaks HTTP to upstreams"}, {"scgi_", "usher speaks HTTP to upstreams"},
		{"grpc_", "usher speaks HTTP/1.1 to upstreams"}, {"memcached_", "usher speaks HTTP to upstreams"},
		{"map", "usher has no variables"}, {"geo", "usher has no variables"}, {"split_clients", "usher has no variables"}, {"set", "usher has no variables"},
		{"if", "usher has no conditions"}, {"rewrite", "usher changes no paths but by strip_prefix and replace_prefix"}, {"break", "it ends rewrites, which usher has none of"},
		{"stub_status", "usher tells of itself at its admin address"},
		{"stream", "usher takes HTTP and WebSocket alone"}, {"mail", "usher takes HTTP and WebSocket alone"},
		{"proxy_next_upstream", "usher tries another endpoint only while nothing was answered"},
		{"proxy_pass_request_body", "usher sends bodies on"}, {"proxy_ignore_headers", "usher keeps no answers; X-Accel-Redirect and its like go to the client, unless response_headers: {remove: ...} has them"},
		{"proxy_redirect", "Location is mapped where strip_prefix or replace_prefix change the path, and left alone elsewhere"},
		{"proxy_cookie_", "the Path of cookies is mapped where replace_prefix changes it"},
		{"sub_filter", "usher changes no bodies"}, {"proxy_method", "usher changes no methods"},
		{"limit_except", "usher does not tell methods apart"}, {"limit_rate", "usher does not slow answers down"},
		{"js_", "usher runs no scripts"}, {"lua_", "usher runs no scripts"}, {"perl_", "usher runs no scripts"},
		{"satisfy", "usher has no choice between addresses and a login"},
	} {
		if strings.HasPrefix(name, one.prefix) {
			return one.why
		}
	}
	if strings.Contains(name, "_by_lua") {
		return "usher runs no scripts"
	}
	return "usher has nothing that does the same"
}
