import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.support.serializer.JsonSerializer;

/**
 * Publishes as services in Java do: {@code Publish <brokers> <topic> <admin>}, once with kafka-clients
 * alone and once with Spring's KafkaTemplate, of texts and of objects.
 */
public class Publish {
    record Notification(String id, String type, String[] targets, String title, Map<String, Object> data) {}

    public static void main(String[] args) throws Exception {
        String brokers = args[0], topic = args[1], admin = args[2];
        Map<String, Object> strings = Map.of(
            ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers,
            ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class,
            ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, StringSerializer.class);

        try (var producer = new KafkaProducer<String, String>(strings)) {
            producer.send(new ProducerRecord<>(topic, admin + ":자바에서 보낸 글")).get(30, TimeUnit.SECONDS);
        }

        var texts = new DefaultKafkaProducerFactory<String, String>(strings);
        var template = new KafkaTemplate<>(texts);
        template.send(topic, admin + ":me:스프링에서 보낸 글").get(30, TimeUnit.SECONDS);
        template.send(topic, "admin:" + admin, """
            {"id":"spring-json","type":"ORDER_PLACED","targets":["admin:%s"],"title":"새 주문 🔥"}""".formatted(admin))
            .get(30, TimeUnit.SECONDS);
        texts.destroy();

        var objects = new DefaultKafkaProducerFactory<String, Notification>(
            Map.of(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers), new StringSerializer(), new JsonSerializer<>());
        new KafkaTemplate<>(objects).send(topic, new Notification("spring-object", "NOTICE",
            new String[] {"admin:" + admin}, "객체로 보낸 공지", Map.of("noticeSeq", 42))).get(30, TimeUnit.SECONDS);
        objects.destroy();
    }
}
