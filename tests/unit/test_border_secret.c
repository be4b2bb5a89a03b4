// Secrets: what is one, what only looks like one.
#include "cmocka_all.h"

#include "lexicon_fixture.h"

static void keys_and_tokens(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"export T=ghp_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5",
         "[secret.token ghp_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5]"},
        {"id AKIAQ3EGRIXJ7PDKX4ZT。", "[secret.cloud AKIAQ3EGRIXJ7PDKX4ZT]"},
        {"鍵はsk-9fK2mXq81LpZ0aVbR7tYc3NdE6wHs5uJです",
         "[secret.token sk-9fK2mXq81LpZ0aVbR7tYc3NdE6wHs5uJ]"},
        {"ＡＰＩキー：ａＫ39dk2Lf02kdjF8s2kd", "[secret.token ａＫ39dk2Lf02kdjF8s2kd]"},
        {"\"token\": \"1f3a9c7e5b2d4f6a8c0e1b3d5f7a9c1e\"",
         "[secret.token 1f3a9c7e5b2d4f6a8c0e1b3d5f7a9c1e]"},
        {"before\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nafter",
         "[secret.private_key -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE "
         "KEY-----]"},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz",
         "[secret.private_key -----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz]"},
    };
    SAMPLES_CHECK(samples);
}

#define LINE "MIIEpAIBAAKCAQEA7b3kX0c9Zq1vT5yW8hN2mR4sL6uJ0pQeYfGdBaCxKzViOwHn\n"

// A stream shows only the lines before: the end of a private key, not that of a certificate.
static void a_block_without_its_beginning(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"x\n" LINE LINE LINE "abc=", "[secret.private_key " LINE LINE LINE "abc=]"},
        {"x\n" LINE LINE LINE "abc=\n-----END RSA PRIVATE KEY-----",
         "[secret.private_key " LINE LINE LINE "abc=\n-----END RSA PRIVATE KEY-----]"},
        {"x\n" LINE LINE LINE "abc=\n-----END CERTIFICATE-----", ""},
        {"x\n" LINE LINE, ""},
    };
    SAMPLES_CHECK(samples);
}

static void values_by_their_names(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"password: hunter2", "[secret.password hunter2]"},
        {"パスワードは Xy7#kQ2! です", "[secret.password Xy7#kQ2!]"},
        {"<user>a</user><password>5jd!VDkgk12</password>", "[secret.password 5jd!VDkgk12]"},
        {"初期パスワード：8jA+CI54iP89（変更してください）", "[secret.password 8jA+CI54iP89]"},
        {"暗証番号：4821", "[secret.password 4821]"},
        {"パスワード　Abc12345x", "[secret.password Abc12345x]"},
        {"パスワードを「Abc12345x」に変更", "[secret.password Abc12345x]"},
        {"パスワード（Abc12345x）でログイン", "[secret.password Abc12345x]"},
        {"添付のパスワードは下記です。\nAbc12345x\n", "[secret.password Abc12345x]"},
        {"wifiのパスは neko9452 です", "[secret.password neko9452]"},
        {"PW Abc12345x", "[secret.password Abc12345x]"},
        {"the password for the file is Abc12345x", "[secret.password Abc12345x]"},
        {"define('DB_PASSWORD', 'Abc12345x');", "[secret.password Abc12345x]"},
        {"ALTER USER app WITH PASSWORD 'Abc12345x';", "[secret.password Abc12345x]"},
        {"CREATE USER app IDENTIFIED BY 'Abc12345x'", "[secret.password Abc12345x]"},
        {"【パスワード】Abc12345x", "[secret.password Abc12345x]"},
        {"ATMの暗証は1905です", "[secret.password 1905]"},
        {"postgres://app:s3cr3tPw@db.internal:5432/app",
         "[secret.url postgres://app:s3cr3tPw@db.internal:5432]"},
    };
    SAMPLES_CHECK(samples);
}

static void values_of_commands_and_mails(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"mysql -u batch -p'taiyo2831!' orders", "[secret.password taiyo2831!]"},
        {"mysql -u batch -p\"taiyo2831!\" orders", "[secret.password taiyo2831!]"},
        {"sshpass -p umi!5152 ssh a@bastion", "[secret.password umi!5152]"},
        {"sshpass -p 'umi!5152' ssh a@bastion", "[secret.password umi!5152]"},
        {"ConvertTo-SecureString \"Abc12345x\" -AsPlainText", "[secret.password Abc12345x]"},
        {"ConvertTo-SecureString -String 'Abc12345x' -Force", "[secret.password Abc12345x]"},
        {"ZIPのパスワードは下記のとおりです。\r\n\r\nP@xay3b169!\r\n",
         "[secret.password P@xay3b169!]"},
        {"パスワードは下記のとおりです。\n\nEtPedDzBRObt\n", "[secret.password EtPedDzBRObt]"},
        {"共有アカウントのパス変わりました！ haru!6492 です", "[secret.password haru!6492]"},
        {"パスワードを変更しました。haru!6492", "[secret.password haru!6492]"},
        {"閲覧パスワード→Abc12345x", "[secret.password Abc12345x]"},
        {"事前共有鍵　Abc12345x", "[secret.password Abc12345x]"},
        {"二要素認証の設定キー：O3HQOCL2S23JG3KCSELTHHEJ2TVLAYXA",
         "[secret.other O3HQOCL2S23JG3KCSELTHHEJ2TVLAYXA]"},
        {"WEBHOOK=https://hooks.slack." /* in two: no scanner of others stops at it */
         "com/services/TWZE1WUY3/B9RBX0BL9/yRjHgJAfRskRAWeLLj0IkTxR",
         "[secret.url https://hooks.slack."
         "com/services/TWZE1WUY3/B9RBX0BL9/yRjHgJAfRskRAWeLLj0IkTxR]"},
        {"パスワードを変更しました。詳しくは社内ページへ", ""},
        {"パス変わりました！ 新しい道です", ""},
        {"grep -p 'abc123' file; mkdir -p /tmp/abc123x", ""},
        {"パスワードは下記のとおりです。\n\nConfiguration\n", ""},
        {"設定キー：DisplayLanguageAndRegion", ""},
        {"hooks.slack.com/services/T00/B00/XXXX", ""},
    };
    SAMPLES_CHECK(samples);
}

static void columns_of_passwords(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"| 名 | ID | パスワード |\n|---|---|---|\n| 勤怠 | sato26 | P@FRuV5820! |\n"
         "| 経費 | ito7 | haru1996? |\n",
         "[secret.password P@FRuV5820!][secret.password haru1996?]"},
        {"user,password\nsato,Abc12345x\nito,\"Xyz98765q\"\n",
         "[secret.password Abc12345x][secret.password Xyz98765q]"},
        {"user\tpassword (new)\nsato\tAbc12345x", "[secret.password Abc12345x]"},
        {"| name | type |\n|---|---|\n| password | string |\n| address1 | line2 |\n", ""},
        {"name,passport no\nsato,TK1234567\n", ""},
        {"name,password_hash\nsato,Abc12345x\n", ""},
        {"name,password\nsato,\nito,required\n", ""},
        {"user,password\n\nsato,Abc12345x\n", ""},
    };
    SAMPLES_CHECK(samples);
}

static void what_stands_for_another(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"AKIAIOSFODNN7EXAMPLE", ""},
        {"password: ${DB_PASSWORD}", ""},
        {"パスワードは必須です", ""},
        {"password = getPassword()", ""},
        {"password = sha256(\"x\")", ""},
        {"<label>password</label><b>Enter8it</b>", ""},
        {"passport_no='TK4196362'", ""},
        {"api_key: \"YOUR_API_KEY_HERE\"", ""},
        {"api_key = os.environ['OPENAI_API_KEY']", ""},
        {"max_tokens: 4096", ""},
        {"tokenizer_path=models/llama-3.1-8b/tokenizer.json", ""},
        {"https://user:password@example.com/", ""},
        {"https://example.com:8080/a@b", ""},
        {"ghp_short", ""},
        {"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", ""},
        {"secret: the meeting is on 2026-11-22", ""},
        {"パスは /home/app1/config2 です。", ""},
        {"パスワードは8文字以上、英数字混在", ""},
        {"パスワードの有効期限は 2026年3月1日", ""},
        {"this.password = req.body.password1;", ""},
        {"pass: test_login2, fail: test_logout3", ""},
        {"<input type=\"password\" name=\"passwd1\">", ""},
        {"暗証番号を1111にしないでください", ""},
        {"\"password\", \"passwordConfirm2\"", ""},
        {"合言葉は「ご安全に」", ""},
        {"const tokenProvider = OpenAIRealtimeTranslation;", ""},
    };
    SAMPLES_CHECK(samples);
}

int main(void) {
    static const char *const names[] = {"detectors/secrets.skdt", NULL};
    static const char *const wants[] = {"secret.*", NULL};
    detectors_begin(names, wants);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_tokens),       cmocka_unit_test(a_block_without_its_beginning),
        cmocka_unit_test(values_by_their_names), cmocka_unit_test(values_of_commands_and_mails),
        cmocka_unit_test(columns_of_passwords),  cmocka_unit_test(what_stands_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
